/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "ws/sessions/descriptors.h"

Test(descriptors, clients_and_surplus_are_always_fewer_than_descriptors)
{
	for (size_t n = 48; n < 2000000; n += n / 16) {
		for (size_t wanted = 0; wanted < 100000; wanted = wanted * 3 + 1) {
			struct hc_descriptors_share share = hc_descriptors_share(n, wanted);

			cr_assert_leq(share.max + share.surplus + 32, n, "%zu descriptors", n);
			cr_assert_geq(share.max, 1);
			cr_assert_geq(share.surplus, 1);
			if (wanted)
				cr_assert_leq(share.max, wanted);
			cr_assert_leq(share.pending, share.max / 2 > 4 ? share.max / 2 : 4);
			cr_assert_leq(share.pending, HC_DESCRIPTORS_PENDING_MAX);
			/* The hub itself has 28. */
			cr_assert_leq(share.max + share.surplus + share.programs + 28, n);
			cr_assert_geq(share.programs, 4);
			cr_assert_leq(share.programs, 260);
		}
	}
}

Test(descriptors, nearly_all_descriptors_are_for_clients)
{
	cr_expect_geq(hc_descriptors_share(64, 0).max, 20);
	cr_expect_geq(hc_descriptors_share(1024, 0).max, 850);
	cr_expect_geq(hc_descriptors_share(20000, 0).max, 19500);
	cr_expect_geq(hc_descriptors_share(65536, 0).max, 65000);
}

Test(descriptors, there_is_a_share_of_the_fewest_descriptors)
{
	for (size_t n = 0; n < 48; n++)
		cr_expect_eq(hc_descriptors_share(n, 0).max,
			     n > 32 + 4 + n / 16 ? n - 36 - n / 16 : 1);
}
