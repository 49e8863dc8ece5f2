/* SPDX-License-Identifier: MIT */
#include "proto/algorithm.h"

#define RSA_BITS_MIN 2048 /* RFC 7518 section 3.3 */

static const char *const names[] = {
	[HC_ALGORITHM_HS256] = "HS256",
	[HC_ALGORITHM_RS256] = "RS256",
	[HC_ALGORITHM_ES256] = "ES256",
	[HC_ALGORITHM_EDDSA] = "EdDSA",
};

const char *hc_algorithm_name(enum hc_algorithm algorithm)
{
	return names[algorithm];
}

static bool is_p256(const EVP_PKEY *pkey)
{
	char group[32];

	return EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
	       !strcmp(group, "prime256v1");
}

bool hc_algorithm_of(enum hc_algorithm *ret, const EVP_PKEY *pkey, const char **ret_why)
{
	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		*ret = HC_ALGORITHM_RS256;
		*ret_why = "is an RSA key of less than 2048 bits";
		return EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN;
	case EVP_PKEY_EC:
		*ret = HC_ALGORITHM_ES256;
		*ret_why = "is an EC key on another curve than P-256 (prime256v1)";
		return is_p256(pkey);
	case EVP_PKEY_ED25519:
		*ret = HC_ALGORITHM_EDDSA;
		return true;
	default:
		*ret_why = "is a key of a kind that is not used: RSA, EC P-256 and Ed25519 are";
		return false;
	}
}

const EVP_MD *hc_algorithm_hash(enum hc_algorithm algorithm)
{
	return algorithm == HC_ALGORITHM_EDDSA ? NULL : EVP_sha256();
}
