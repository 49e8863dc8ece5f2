/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/algorithm.h"
#include "proto/base64url.h"
#include "proto/fault.h"
#include "ws/auth/key.h"

#define FILE_MAX 16384 /* bytes; RSA of 16384 bits in PEM has 2,800 */
#define HASH_LEN 32    /* bytes of SHA-256 */

struct hc_key {
	enum hc_algorithm algorithm;
	EVP_PKEY *public; /* NULL with HS256 */
	size_t secret_len;
	unsigned char secret[FILE_MAX];
};

const char *hc_key_algorithm(const struct hc_key *key)
{
	return hc_algorithm_name(key->algorithm);
}

static int refuse(struct hc_fault *fault, const char *path, const char *why)
{
	hc_fault_set(fault, HC_FAULT_INVALID_PARAMS, "[auth] key_file: %s: %s", path, why);
	return -EINVAL;
}

/* ---- public keys --------------------------------------------------------------------------- */

static int take_pem(struct hc_key *key, const char *path, const char *text, struct hc_fault *fault)
{
	const char *first = strstr(text, "-----BEGIN "), *why = NULL;
	BIO *bio;

	if (strstr(text, "PRIVATE KEY-----"))
		return refuse(fault, path,
			      "is a private key; the hub only checks tokens and must not have it: "
			      "take \"openssl pkey -pubout\" of it");
	if (strstr(first + 1, "-----BEGIN "))
		return refuse(fault, path, "has more than one key: one a file");
	bio = BIO_new_mem_buf(text, -1);
	key->public = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (!key->public)
		return refuse(fault, path, "is PEM, but not a public key that can be read");
	return hc_algorithm_of(&key->algorithm, key->public, &why) ? 0 : refuse(fault, path, why);
}

/* ---- secrets ------------------------------------------------------------------------------- */

static bool is_der(const unsigned char *data, size_t len)
{
	const unsigned char *at = data;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)len);
	X509 *certificate = NULL;
	bool is = true;

	at = data;
	if (!pkey)
		pkey = d2i_AutoPrivateKey(NULL, &at, (long)len);
	at = data;
	if (!pkey) /* PKCS #1 */
		pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)len);
	at = data;
	if (!pkey)
		certificate = d2i_X509(NULL, &at, (long)len);
	is = pkey || certificate;
	EVP_PKEY_free(pkey);
	X509_free(certificate);
	ERR_clear_error();
	return is;
}

/* PEM without its first and last line, as many show a key: base64 of either alphabet. */
static bool is_der_in_base64(const char *text, size_t len)
{
	char digits[FILE_MAX];
	ssize_t der_len;
	size_t n = 0;
	bool is;

	for (size_t i = 0; i < len; i++)
		if (!strchr(" \t\r\n=", text[i]))
			digits[n++] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	der_len = hc_base64url_decode(digits, (struct hc_str){ digits, n });
	is = der_len > 0 && is_der((const unsigned char *)digits, (size_t)der_len);
	explicit_bzero(digits, sizeof(digits));
	return is;
}

static bool is_other_key(const char *text, size_t len)
{
	static const char *const heads[] = { "{",	"[",	     "ssh-",	       "ecdsa-",
					     "sk-ssh-", "sk-ecdsa-", "---- BEGIN SSH2" };
	static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as Windows writes it */
	const char *begin = text + (strncmp(text, mark, 3) ? 0 : 3);

	begin += strspn(begin, " \t\r\n");
	for (size_t i = 0; i < HC_ARRAY_LEN(heads); i++)
		if (!strncmp(begin, heads[i], strlen(heads[i])))
			return true;
	return is_der((const unsigned char *)text, len) || is_der_in_base64(text, len);
}

static int take_secret(struct hc_key *key, const char *path, const char *text, size_t len,
		       struct hc_fault *fault)
{
	if (is_other_key(text, len))
		return refuse(fault, path,
			      "is a key, but not in PEM: a secret must be random bytes or text");
	if (len && text[len - 1] == '\n')
		len--;
	if (len < HC_SECRET_LEN_MIN)
		return refuse(fault, path,
			      "is too short: HS256 wants 32 bytes at least, as "
			      "\"openssl rand -base64 48\" makes them");
	key->algorithm = HC_ALGORITHM_HS256;
	key->secret_len = len;
	memcpy(key->secret, text, len);
	return 0;
}

/* ---- the file ------------------------------------------------------------------------------ */

static int read_file(char ret[static FILE_MAX + 1], size_t *ret_len, mode_t *ret_mode,
		     const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(hc_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return refuse(fault, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(fault, path, "is not a file");
	n = read(fd, ret, FILE_MAX + 1);
	if (n < 0)
		return refuse(fault, path, strerror(errno));
	if (n > FILE_MAX)
		return refuse(fault, path, "is too long for a key");
	ret[n] = '\0';
	*ret_len = (size_t)n;
	*ret_mode = st.st_mode;
	return 0;
}

static int take_key(struct hc_key *key, const char *path, char text[static FILE_MAX + 1],
		    struct hc_fault *fault)
{
	size_t len;
	mode_t mode;
	int r = read_file(text, &len, &mode, path, fault);

	if (r < 0)
		return r;
	if (mode & S_IWOTH)
		return refuse(fault, path, "can be written by everybody: chmod o-w it");
	/* Marks of PEM anywhere, behind a NUL too: such a file is never a secret. */
	if (memmem(text, len, "-----BEGIN ", 11))
		return strlen(text) == len ? take_pem(key, path, text, fault)
					   : refuse(fault, path, "has PEM and other bytes in it");
	if (mode & S_IROTH)
		return refuse(fault, path, "can be read by everybody: chmod o-r it");
	return take_secret(key, path, text, len, fault);
}

int hc_key_load(struct hc_key **ret, const char *path, struct hc_fault *fault)
{
	HC_CLEANUP(hc_key_freep) struct hc_key *key = calloc(1, sizeof(*key));
	char text[FILE_MAX + 1];
	int r;

	if (!key)
		return -ENOMEM;
	r = take_key(key, path, text, fault);
	explicit_bzero(text, sizeof(text));
	if (r < 0)
		return r;
	*ret = hc_take(key);
	return 0;
}

struct hc_key *hc_key_free(struct hc_key *key)
{
	if (!key)
		return NULL;
	EVP_PKEY_free(key->public);
	explicit_bzero(key->secret, sizeof(key->secret));
	free(key);
	return NULL;
}

/* ---- signatures ---------------------------------------------------------------------------- */

static bool verify_hmac(const struct hc_key *key, struct hc_str text, struct hc_str signature)
{
	unsigned char right[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	return HMAC(EVP_sha256(), key->secret, (int)key->secret_len, (const unsigned char *)text.s,
		    text.len, right, &len) &&
	       len == HASH_LEN && signature.len == HASH_LEN &&
	       !CRYPTO_memcmp(right, signature.s, HASH_LEN);
}

static bool verify_public(const struct hc_key *key, struct hc_str text, struct hc_str signature)
{
	const EVP_MD *hash = hc_algorithm_hash(key->algorithm);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestVerifyInit(context, NULL, hash, NULL, key->public) == 1 &&
		    EVP_DigestVerify(context, (const unsigned char *)signature.s, signature.len,
				     (const unsigned char *)text.s, text.len) == 1;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return good;
}

/* A token has R and S one behind the other; OpenSSL wants them in DER. */
static bool verify_ecdsa(const struct hc_key *key, struct hc_str text, struct hc_str signature)
{
	const unsigned char *at = (const unsigned char *)signature.s;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *der = NULL;
	BIGNUM *r, *s;
	int len = -1;

	if (sig && signature.len == 2 * HC_ES256_HALF) {
		r = BN_bin2bn(at, HC_ES256_HALF, NULL);
		s = BN_bin2bn(at + HC_ES256_HALF, HC_ES256_HALF, NULL);
		if (r && s && ECDSA_SIG_set0(sig, r, s)) {
			len = i2d_ECDSA_SIG(sig, &der);
		} else {
			BN_free(r);
			BN_free(s);
		}
	}
	ECDSA_SIG_free(sig);
	if (len > 0 && !verify_public(key, text, (struct hc_str){ (const char *)der, (size_t)len }))
		len = -1;
	OPENSSL_free(der);
	return len > 0;
}

bool hc_key_verifies(const struct hc_key *key, struct hc_str text, struct hc_str signature)
{
	switch (key->algorithm) {
	case HC_ALGORITHM_HS256:
		return verify_hmac(key, text, signature);
	case HC_ALGORITHM_ES256:
		return verify_ecdsa(key, text, signature);
	case HC_ALGORITHM_RS256:
	case HC_ALGORITHM_EDDSA:
		return verify_public(key, text, signature);
	}
	return false;
}
