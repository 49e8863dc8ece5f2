/* SPDX-License-Identifier: MIT */
/* Certificates are made here; connections run in memory, from one BIO to the other. */
#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "proto/fault.h"
#include "tests/unit/hub.h"
#include "ws/wire/tls.h"

#define DAY_S	  (24 * 3600)
#define STEPS_MAX 10 /* of a handshake, each side */

/* ---- certificates ------------------------------------------------------------------------- */

struct files {
	char *dir;
	char certificate[128];
	char key[128];
};

static EVP_PKEY *make_key(bool rsa)
{
	EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");

	cr_assert(key);
	return key;
}

static X509 *make_certificate(EVP_PKEY *key, const char *name, long days)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	cr_assert_eq(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
						(const unsigned char *)name, -1, -1, 0),
		     1);
	cr_assert_eq(X509_set_issuer_name(certificate, subject), 1);
	cr_assert(X509_gmtime_adj(X509_getm_notBefore(certificate), -10L * DAY_S));
	cr_assert(X509_gmtime_adj(X509_getm_notAfter(certificate), days * DAY_S));
	cr_assert_eq(X509_set_pubkey(certificate, key), 1);
	cr_assert_gt(X509_sign(certificate, key, EVP_sha256()), 0);
	return certificate;
}

static FILE *create(const char *path)
{
	FILE *file = fopen(path, "we");

	cr_assert(file, "%s", path);
	return file;
}

static void write_key(const char *path, EVP_PKEY *key, const char *passphrase)
{
	FILE *file = create(path);

	cr_assert_eq(PEM_write_PKCS8PrivateKey(file, key, passphrase ? EVP_aes_128_cbc() : NULL,
					       NULL, 0, NULL, (void *)(uintptr_t)passphrase),
		     1);
	fclose(file);
	cr_assert_eq(chmod(path, 0600), 0);
}

/* A certificate of that name, with @n_more behind it. */
static void write_files(struct files *files, const char *name, bool rsa, long days, size_t n_more)
{
	EVP_PKEY *key = make_key(rsa);
	FILE *file = create(files->certificate);

	for (size_t i = 0; i <= n_more; i++) {
		X509 *certificate = make_certificate(key, name, days);

		cr_assert_eq(PEM_write_X509(file, certificate), 1);
		X509_free(certificate);
	}
	fclose(file);
	write_key(files->key, key, NULL);
	EVP_PKEY_free(key);
}

static int cut_off(const char *path, off_t n_bytes)
{
	struct stat st;

	return stat(path, &st) < 0 ? -1 : truncate(path, st.st_size - n_bytes);
}

static struct files files_open(void)
{
	struct files files = { .dir = test_dir() };

	snprintf(files.certificate, sizeof(files.certificate), "%s/cert.pem", files.dir);
	snprintf(files.key, sizeof(files.key), "%s/key.pem", files.dir);
	write_files(&files, "first", false, 30, 0);
	return files;
}

static struct hc_tls *load(const struct files *files)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_tls *tls = NULL;

	cr_assert_eq(hc_tls_new(&tls, files->certificate, files->key, &fault), 0, "%s",
		     fault.message);
	return tls;
}

static void expect_refused(const struct files *files, const char *what)
{
	struct hc_fault fault = HC_FAULT_NULL;
	struct hc_tls *tls = NULL;

	cr_expect_eq(hc_tls_new(&tls, files->certificate, files->key, &fault), -EINVAL, "%s", what);
	cr_expect_null(tls);
	cr_expect(strstr(fault.message, what), "wanted %s: %s", what, fault.message);
}

Test(tls, takes_certificates_of_either_kind_and_their_chains)
{
	struct files files = files_open();

	for (size_t n_more = 0; n_more < 4; n_more++) {
		write_files(&files, "x", n_more % 2, 30, n_more);
		(void)hc_tls_free(load(&files));
	}
	test_dir_remove(files.dir);
	cr_expect_null(hc_tls_free(NULL));
}

Test(tls, a_key_that_others_may_read_is_refused)
{
	static const mode_t bad[] = { 0604, 0644, 0602, 0666, 0777 };
	static const mode_t good[] = { 0600, 0400, 0640, 0660 };
	struct files files = files_open();

	for (size_t i = 0; i < HC_ARRAY_LEN(bad); i++) {
		cr_assert_eq(chmod(files.key, bad[i]), 0);
		expect_refused(&files, "others may");
	}
	for (size_t i = 0; i < HC_ARRAY_LEN(good); i++) {
		cr_assert_eq(chmod(files.key, good[i]), 0);
		(void)hc_tls_free(load(&files));
	}
	test_dir_remove(files.dir);
}

Test(tls, what_is_wrong_is_told)
{
	struct files files = files_open();
	EVP_PKEY *other = make_key(false);
	FILE *file;

	write_key(files.key, other, NULL);
	expect_refused(&files, "is not the key of the certificate");
	write_key(files.key, other, "secret");
	expect_refused(&files, "has a passphrase");
	EVP_PKEY_free(other);

	write_files(&files, "long", false, 30, 17);
	expect_refused(&files, "too many");

	write_files(&files, "cut", false, 30, 1);
	cr_assert_eq(cut_off(files.certificate, 100), 0);
	expect_refused(&files, "has one that cannot be read");
	write_files(&files, "ok", false, 30, 0);
	file = create(files.key);
	fputs("nonsense\n", file);
	fclose(file);
	cr_assert_eq(chmod(files.key, 0600), 0);
	expect_refused(&files, "is not a private key in PEM");
	fclose(create(files.certificate));
	expect_refused(&files, "is not a certificate in PEM");
	unlink(files.certificate);
	expect_refused(&files, "No such file");
	write_files(&files, "ok", false, 30, 0);
	unlink(files.key);
	expect_refused(&files, "No such file");
	files.key[0] = '\0';
	expect_refused(&files, "[tls] key: \"\": must be set");
	test_dir_remove(files.dir);
}

/* It would be taken, and every handshake fail. */
Test(tls, a_key_that_is_too_short_is_refused)
{
	struct files files = files_open();
	EVP_PKEY *key = EVP_RSA_gen(1024);
	FILE *file = create(files.certificate);
	X509 *certificate = make_certificate(key, "short", 30);

	cr_assert_eq(PEM_write_X509(file, certificate), 1);
	fclose(file);
	write_key(files.key, key, NULL);
	expect_refused(&files, "key too small");
	X509_free(certificate);
	EVP_PKEY_free(key);
	test_dir_remove(files.dir);
}

Test(tls, knows_until_when_a_certificate_is_valid)
{
	static const long days[] = { -1, 1, 30, 36500 };
	struct files files = files_open();

	for (size_t i = 0; i < HC_ARRAY_LEN(days); i++) {
		int64_t now = time(NULL);
		struct hc_tls *tls;

		write_files(&files, "x", false, days[i], 0);
		tls = load(&files);
		cr_expect_eq(hc_tls_has_expired(tls), days[i] < 0);
		cr_expect_leq(llabs(hc_tls_ends_unix(tls) - now - days[i] * DAY_S), 10);
		(void)hc_tls_free(tls);
	}
	test_dir_remove(files.dir);
}

/* ---- connections -------------------------------------------------------------------------- */

struct pair {
	SSL *server;
	SSL *client;
};

static struct pair pair_open(SSL_CTX *server_context, SSL_CTX *client_context)
{
	struct pair pair = { SSL_new(server_context), SSL_new(client_context) };
	BIO *server, *client;

	cr_assert_eq(BIO_new_bio_pair(&server, 0, &client, 0), 1);
	SSL_set_bio(pair.server, server, server);
	SSL_set_bio(pair.client, client, client);
	SSL_set_accept_state(pair.server);
	SSL_set_connect_state(pair.client);
	return pair;
}

static bool shake_hands(struct pair *pair)
{
	int server = 0, client = 0;

	for (int i = 0; i < STEPS_MAX && (server != 1 || client != 1); i++) {
		client = SSL_do_handshake(pair->client);
		server = SSL_do_handshake(pair->server);
	}
	return server == 1 && client == 1;
}

static void pair_close(struct pair *pair)
{
	SSL_free(pair->server);
	SSL_free(pair->client);
}

static void expect_name(const struct pair *pair, const char *name)
{
	X509 *certificate = SSL_get1_peer_certificate(pair->client);
	char text[64] = "";

	cr_assert(certificate);
	X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text,
				  sizeof(text));
	cr_expect_str_eq(text, name);
	X509_free(certificate);
}

static void expect_talk(struct pair *pair)
{
	char text[8];

	cr_expect_eq(SSL_write(pair->server, "hello", 5), 5);
	cr_expect_eq(SSL_read(pair->client, text, sizeof(text)), 5);
}

Test(tls, a_new_certificate_is_for_new_connections_of_either_version)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct files files = files_open();

	for (size_t i = 0; i < HC_ARRAY_LEN(versions); i++) {
		SSL_CTX *server = SSL_CTX_new(TLS_server_method());
		SSL_CTX *client = SSL_CTX_new(TLS_client_method());
		struct hc_tls *current, *before;
		struct pair old, young;

		write_files(&files, "first", false, 30, 1);
		current = load(&files);
		cr_assert_eq(hc_tls_apply(server, &current), 0);
		cr_assert_eq(SSL_CTX_set_max_proto_version(client, versions[i]), 1);
		old = pair_open(server, client);
		cr_assert(shake_hands(&old));
		expect_name(&old, "first");

		write_files(&files, "second", true, 30, 0); /* another kind of key, too */
		before = current;
		current = load(&files);
		(void)hc_tls_free(before);
		young = pair_open(server, client);
		cr_assert(shake_hands(&young));
		expect_name(&young, "second");
		expect_talk(&young);
		expect_talk(&old);

		pair_close(&old);
		pair_close(&young);
		SSL_CTX_free(server);
		SSL_CTX_free(client);
		(void)hc_tls_free(current);
	}
	test_dir_remove(files.dir);
}

Test(tls, what_is_old_or_weak_is_refused)
{
	static const struct {
		int version;
		const char *ciphers;
		bool good;
	} clients[] = {
		{ TLS1_VERSION, "ALL:@SECLEVEL=0", false },
		{ TLS1_1_VERSION, "ALL:@SECLEVEL=0", false },
		{ TLS1_2_VERSION, "AES128-SHA", false },	     /* no forward secrecy */
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", false }, /* not authenticated */
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", true },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true },
		{ TLS1_3_VERSION, "ALL", true },
	};
	struct files files = files_open();
	struct hc_tls *current = load(&files);
	SSL_CTX *server = SSL_CTX_new(TLS_server_method());

	cr_assert_eq(hc_tls_apply(server, &current), 0);
	for (size_t i = 0; i < HC_ARRAY_LEN(clients); i++) {
		SSL_CTX *client = SSL_CTX_new(TLS_client_method());
		struct pair pair;

		cr_assert_eq(SSL_CTX_set_cipher_list(client, clients[i].ciphers), 1);
		cr_assert_eq(SSL_CTX_set_min_proto_version(client, TLS1_VERSION), 1);
		cr_assert_eq(SSL_CTX_set_max_proto_version(client, clients[i].version), 1);
		pair = pair_open(server, client);
		cr_expect_eq(shake_hands(&pair), clients[i].good, "%x with %s", clients[i].version,
			     clients[i].ciphers);
		pair_close(&pair);
		SSL_CTX_free(client);
	}
	SSL_CTX_free(server);
	(void)hc_tls_free(current);
	test_dir_remove(files.dir);
}

Test(tls, nothing_is_kept_for_a_session_that_might_be_resumed)
{
	struct files files = files_open();
	struct hc_tls *current = load(&files);
	SSL_CTX *server = SSL_CTX_new(TLS_server_method());
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());

	cr_assert_eq(hc_tls_apply(server, &current), 0);
	for (int i = 0; i < 5; i++) {
		struct pair pair = pair_open(server, client);

		cr_assert(shake_hands(&pair));
		expect_talk(&pair);
		cr_expect_not(SSL_session_reused(pair.server));
		cr_expect_not(SSL_SESSION_has_ticket(SSL_get0_session(pair.client)));
		pair_close(&pair);
	}
	cr_expect_eq(SSL_CTX_sess_number(server), 0);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	(void)hc_tls_free(current);
	test_dir_remove(files.dir);
}
