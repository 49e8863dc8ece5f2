# SPDX-License-Identifier: MIT
"""Tokens of every algorithm, made without our own C code, and all the ways in which they are wrong.

A Keyring is one key of each kind, in files as `[auth] key_file` wants them. mutants() is a list of
(name, token) that a hub must refuse wherever a token can come from, whichever of these keys it has.
"""
import base64
import hmac
import json
import secrets
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (Encoding, NoEncryption, PrivateFormat,
                                                          PublicFormat)

LONGEST = 4096  # bytes of a token that the hub takes
LONGEST_HEADER = 1024


def encode(data):
    """base64url without padding, of bytes, text, or anything that JSON has."""
    if not isinstance(data, (bytes, str)):
        data = json.dumps(data, separators=(",", ":"))
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# ---- keys -----------------------------------------------------------------------------------

class Secret:
    algorithm = "HS256"

    def __init__(self, secret=None):
        self.secret = secret or secrets.token_hex(32).encode()

    def sign(self, data, hash_name="sha256"):
        return hmac.new(self.secret, data, hash_name).digest()

    @property
    def checking(self):
        """What the hub's key file has."""
        return self.secret

    signing = checking  # what `hostcast token --key-file` takes


class _Pair:
    """A private key; the hub has the public one."""

    @property
    def checking(self):
        return self.private.public_key().public_bytes(Encoding.PEM,
                                                      PublicFormat.SubjectPublicKeyInfo)

    @property
    def signing(self):
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def der(self):
        return self.private.public_key().public_bytes(Encoding.DER,
                                                      PublicFormat.SubjectPublicKeyInfo)


class Rsa(_Pair):
    algorithm = "RS256"

    def __init__(self, bits=2048):
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def sign(self, data, scheme=None, hash_function=None):
        return self.private.sign(data, scheme or padding.PKCS1v15(),
                                 hash_function or hashes.SHA256())


class Ec(_Pair):
    algorithm = "ES256"

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())

    def sign_der(self, data):
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))

    def sign(self, data):
        r, s = decode_dss_signature(self.sign_der(data))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Ed(_Pair):
    algorithm = "EdDSA"

    def __init__(self):
        self.private = ed25519.Ed25519PrivateKey.generate()

    def sign(self, data):
        return self.private.sign(data)


class Keyring:
    """A key of each kind; `secret` is one that a hub has already."""

    def __init__(self, secret=None):
        self.keys = {key.algorithm: key for key in (Secret(secret), Rsa(), Ec(), Ed())}

    def __getitem__(self, algorithm):
        return self.keys[algorithm]

    def __iter__(self):
        return iter(self.keys)

    def write(self, directory):
        """The hub's key files; as the value of `[auth] key_file`."""
        paths = []
        for algorithm, key in self.keys.items():
            path = directory / f"{algorithm}.key"
            path.touch(mode=0o600)
            path.write_bytes(key.checking)
            paths.append(str(path))
        return " ".join(paths)

    def mint(self, algorithm="HS256", **more):
        """A good token, unless what is said says otherwise."""
        return mint(self[algorithm], **more)


# ---- tokens ---------------------------------------------------------------------------------

def claims(**changes):
    """Claims that are good; a change to None leaves that one out."""
    now = int(time.time())
    good = {"sub": "mallory", "iat": now, "exp": now + 3600,
            "hostcast": {"publish": ["*"], "subscribe": ["*"], "admin": True}}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def mint(key, header=None, payload=None, signature=None, **changes):
    """header and payload may be anything, text or bytes as they stand; so may the signature."""
    header = {"alg": key.algorithm, "typ": "JWT"} if header is None else header
    payload = claims(**changes) if payload is None else payload
    signed = f"{encode(header)}.{encode(payload)}"
    if signature is None:
        signature = key.sign(signed.encode())
    return f"{signed}.{encode(signature)}"


def _raw(key, signed):
    """A signature that is good, of text that is none of a token's."""
    return f"{signed}.{encode(key.sign(signed.encode()))}"


def _wrong_algorithms(ring):
    secret, pair, curve, edwards = ring["HS256"], ring["RS256"], ring["ES256"], ring["EdDSA"]
    attacker = {"HS256": Secret(), "RS256": Rsa(), "ES256": Ec(), "EdDSA": Ed()}
    nothing = Secret(b"\0")
    nothing.secret = b""
    for name in ("none", "None", "NONE", "nOnE", ""):
        yield f"alg {name!r}, no signature", mint(secret, {"alg": name}, signature=b"")
        yield f"alg {name!r}, signed", mint(secret, {"alg": name})
    for name in ("hs256", "HS256 ", "HS384", "RS256", "ES256", "EdDSA", "HS256\0", None, 256, True,
                 ["HS256"], {"HS256": "HS256"}):
        yield f"alg {name!r} by the secret", mint(secret, {"alg": name, "typ": "JWT"})
    yield "no alg", mint(secret, {"typ": "JWT"})
    for name, digest in (("HS384", "sha384"), ("HS512", "sha512")):
        signed = f"{encode({'alg': name})}.{encode(claims())}"
        yield name, f"{signed}.{encode(secret.sign(signed.encode(), digest))}"
    for key in (pair, curve, edwards):
        yield f"HS256 by the public PEM of {key.algorithm}", mint(Secret(key.checking))
        yield f"HS256 by that PEM of {key.algorithm} without its last newline", mint(
            Secret(key.checking.rstrip()))
        yield f"HS256 by the public DER of {key.algorithm}", mint(Secret(key.der))
    yield "HS256 by no secret", mint(nothing)
    yield "HS256 by the key's own name", mint(Secret(b"HS256.key"))
    for algorithm, key in attacker.items():
        yield f"{algorithm} by another key", mint(key)
        yield f"{algorithm} by another key, named kid", mint(key, {"alg": algorithm, "kid": "0"})
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encode(attacker["EdDSA"].der[-32:])}
    yield "with its own key in jwk", mint(attacker["EdDSA"], {"alg": "EdDSA", "jwk": jwk})
    yield "with its own key by jku", mint(
        attacker["EdDSA"], {"alg": "EdDSA", "jku": "http://127.0.0.1:1/jwks"})
    yield "kid is a path", mint(nothing, {"alg": "HS256", "kid": "../../../../dev/null"})
    signed = f"{encode({'alg': 'PS256'})}.{encode(claims())}"
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    yield "PS256", f"{signed}.{encode(pair.sign(signed.encode(), pss))}"
    signed = f"{encode({'alg': 'RS256'})}.{encode(claims())}"
    yield "RS256 with PSS", f"{signed}.{encode(pair.sign(signed.encode(), pss))}"
    yield "RS256 of SHA-512", (
        f"{signed}.{encode(pair.sign(signed.encode(), None, hashes.SHA512()))}")
    signed = f"{encode({'alg': 'ES256'})}.{encode(claims())}"
    yield "ES256 in DER", f"{signed}.{encode(curve.sign_der(signed.encode()))}"
    yield "ES256 of zeros", f"{signed}.{encode(bytes(64))}"
    yield "ES256 of nearly nothing", f"{signed}.{encode(bytes(63) + bytes([1]))}"
    yield "EdDSA of zeros", mint(edwards, signature=bytes(64))
    yield "EdDSA called Ed25519", mint(edwards, {"alg": "Ed25519"})


def _wrong_forms(ring):
    key = ring["HS256"]
    good = mint(key)
    header, payload, signature = good.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield "two parts", f"{header}.{payload}"
    yield "no signature", f"{header}.{payload}."
    yield "four parts", f"{good}.{signature}"
    yield "five parts", f"{header}.{payload}.{signature}.{payload}.{signature}"
    yield "a dot before it", f".{good}"
    yield "a dot behind it", f"{good}."
    yield "one part", signature
    yield "dots", ".."
    yield "no header", f".{payload}.{signature}"
    yield "no claims", f"{header}..{signature}"
    yield "padded signature", f"{good}="
    yield "padded claims", _raw(key, f"{encode(dict(alg='HS256'))}.{encode(claims())}==")
    standard = base64.b64encode(json.dumps(claims(x="?" * 8)).encode()).decode().rstrip("=")
    assert "/" in standard
    yield "base64 instead of base64url", _raw(key, f"{header}.{standard}")
    yield "more behind it", f"{good}~"
    yield "bits that mean nothing", good[:-1] + last[last.index(good[-1]) ^ 1]
    yield "first character of the signature", (
        f"{header}.{payload}." + ("B" if signature[0] == "A" else "A") + signature[1:])
    yield "half a signature", good[:-len(signature) // 2]
    yield "signature twice", good + signature
    yield "other claims", f"{header}.{encode(claims(sub='admin'))}.{signature}"
    yield "other header", f"{encode({'typ': 'JWT', 'alg': 'HS256'})}.{payload}.{signature}"
    yield "signature of another token", f"{good.rsplit('.', 1)[0]}.{mint(key, sub='x').split('.')[2]}"
    yield "header a list", mint(key, ["HS256"])
    yield "header a text", mint(key, '"HS256"')
    yield "header cut", mint(key, '{"alg":"HS256"')
    yield "header and more", mint(key, '{"alg":"HS256"}{}')
    yield "alg twice", mint(key, '{"alg":"HS256","alg":"HS256"}')
    yield "alg twice, none first", mint(key, '{"alg":"none","alg":"HS256"}')
    yield "crit", mint(key, {"alg": "HS256", "crit": ["exp"]})
    yield "crit and b64", mint(key, {"alg": "HS256", "crit": ["b64"], "b64": False})
    yield "typ of another kind", mint(key, {"alg": "HS256", "typ": "dpop+jwt"})
    yield "typ a number", mint(key, {"alg": "HS256", "typ": 1})
    yield "header too long", mint(key, {"alg": "HS256", "kid": "k" * LONGEST_HEADER})
    yield "too long", mint(key, x="x" * LONGEST)
    yield "claims a list", mint(key, payload=[claims()])
    yield "claims a text", mint(key, payload="me")
    yield "claims null", mint(key, payload="null")
    yield "claims cut", mint(key, payload=json.dumps(claims())[:-1])
    yield "claims and more", mint(key, payload=json.dumps(claims()) + "x")
    yield "claims not UTF-8", mint(key, payload=b'{"sub":"\xff","exp":9999999999}')
    yield "sub twice", mint(key, payload='{"sub":"a","sub":"a","exp":9999999999}')
    yield "exp twice", mint(key, payload='{"sub":"a","exp":1,"exp":9999999999}')
    yield "nested deep", mint(key, payload='{"sub":"a","exp":9999999999,"x":' + "[" * 2100)


def _wrong_claims(ring):
    now = int(time.time())
    wrong = [
        ("exp", now), ("exp", 0), ("exp", -now), ("exp", str(now + 3600)),
        ("exp", [now + 3600]), ("exp", True), ("exp", None), ("nbf", now + 600), ("nbf", "now"),
        ("iat", now + 600), ("iat", "now"), ("sub", None), ("sub", ""), ("sub", 7),
        ("sub", ["mallory"]), ("sub", "m" * 257), ("sub", "a\0b"), ("aud", "elsewhere"),
        ("aud", "hostcast "), ("aud", []), ("aud", ["elsewhere"]), ("aud", ["hostcast", 7]),
        ("aud", 7), ("aud", {"hostcast": True}), ("iss", 7), ("jti", 7), ("jti", "j" * 257),
        ("hostcast", []), ("hostcast", "*"), ("hostcast", True), ("hostcast", {"publish": "*"}),
        ("hostcast", {"publish": [7]}), ("hostcast", {"publish": ["jo*"]}),
        ("hostcast", {"subscribe": {"*": True}}), ("hostcast", {"subscribe": ["**"]}),
        ("hostcast", {"admin": 1}), ("hostcast", {"admin": "true"}),
        ("hostcast", {"publish": ["*"], "subscibe": []}),
    ]
    for name, value in wrong:
        yield f"{name}: {str(value)[:40]!r}", mint(ring["HS256"], **{name: value})
    for name in ("exp", "sub", "hostcast"):
        payload = {**claims(), name: None}
        yield f"{name}: null", mint(ring["HS256"], payload=payload)
    for algorithm in ring:
        yield f"expired {algorithm}", mint(ring[algorithm], exp=now - 1)


def mutants(ring):
    """[(name, token)]: none of them may be taken. Visible ASCII, so they fit anywhere."""
    found = [*_wrong_algorithms(ring), *_wrong_forms(ring), *_wrong_claims(ring)]
    assert all(token.isascii() and token.isprintable() for _, token in found)
    return found
