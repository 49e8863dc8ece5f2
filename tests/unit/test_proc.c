/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "ws/health/proc.h"

static void expect_near(double value, double wanted)
{
	cr_expect_float_eq(value, wanted, 1e-9, "%g, not %g", value, wanted);
}

Test(proc, cpu_ticks_are_busy_or_idle)
{
	struct hc_proc_cpu cpu = { 0 };

	cr_assert(hc_proc_parse_cpu(&cpu, "cpu  10 2 30 400 50 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 1\n"));
	cr_expect_eq(cpu.total, 10 + 2 + 30 + 400 + 50 + 6 + 7 + 8);
	cr_expect_eq(cpu.busy, 10 + 2 + 30 + 6 + 7 + 8);
}

Test(proc, percent_is_of_the_time_between_two_looks)
{
	const struct hc_proc_cpu before = { 100, 1000 }, later = { 150, 1200 }, odd = { 90, 1300 };

	expect_near(hc_proc_percent(&before, &later), 25);
	expect_near(hc_proc_percent(&before, &before), 0);
	expect_near(hc_proc_percent(&later, &before), 0);
	expect_near(hc_proc_percent(&before, &odd), 0);
}

Test(proc, memory_is_in_bytes)
{
	struct hc_proc_memory memory = { 0 };

	cr_assert(hc_proc_parse_memory(&memory, "MemTotal:       16000000 kB\n"
						"MemFree:          100000 kB\n"
						"MemAvailable:    4000000 kB\n"));
	cr_expect_eq(memory.total_bytes, UINT64_C(16000000) * 1024);
	cr_expect_eq(memory.available_bytes, UINT64_C(4000000) * 1024);
}

Test(proc, load_is_three_numbers)
{
	double load[3] = { 0 };

	cr_assert(hc_proc_parse_load(load, "0.52 1.58 10.59 3/1234 5678\n"));
	expect_near(load[0], 0.52);
	expect_near(load[1], 1.58);
	expect_near(load[2], 10.59);
}

Test(proc, a_process_may_have_any_name)
{
	struct hc_proc_self self = { 0 };
	double hz = (double)sysconf(_SC_CLK_TCK);

	cr_assert(hc_proc_parse_self(
		&self, "77 (a) R 9 (b) S 1 77 77 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 4 0 900 "
		       "123456 25 18446744073709551615 1 1\n"));
	expect_near(self.cpu_seconds, 300 / hz);
	expect_near(self.start_boot_seconds, 900 / hz);
	cr_expect_eq(self.virtual_bytes, 123456);
	cr_expect_eq(self.resident_bytes, 25 * (uint64_t)sysconf(_SC_PAGESIZE));
}

Test(proc, other_text_is_refused)
{
	static const char *const texts[] = {
		"",
		"x",
		"cpu 1 2 3\n",
		"cpu0 1 2 3 4 5 6 7 8\n",
		"MemTotal: 5 kB\n",
		"MemTotal: 5 kB\nMemAvailable: 6 kB\n",
		"MemTotal: 0 kB\nMemAvailable: 0 kB\n",
		"xMemTotal: 5 kB\nMemAvailable: 4 kB\n",
		"0.5 x 1\n",
		"1 (x) R 1 2\n",
	};

	for (size_t i = 0; i < HC_ARRAY_LEN(texts); i++) {
		struct hc_proc_memory memory;
		struct hc_proc_self self;
		struct hc_proc_cpu cpu;
		double load[3];

		cr_expect_not(hc_proc_parse_cpu(&cpu, texts[i]), "%s", texts[i]);
		cr_expect_not(hc_proc_parse_memory(&memory, texts[i]), "%s", texts[i]);
		cr_expect_not(hc_proc_parse_load(load, texts[i]), "%s", texts[i]);
		cr_expect_not(hc_proc_parse_self(&self, texts[i]), "%s", texts[i]);
	}
}

Test(proc, this_machine_can_be_read)
{
	HC_CLEANUP(hc_closep) int fd = -1;
	struct hc_proc_memory memory;
	struct hc_proc_self self;
	struct hc_proc_cpu cpu;
	uint64_t n_fds;
	double load[3];

	cr_expect(hc_proc_cpu(&cpu) && cpu.total > cpu.busy);
	cr_expect(hc_proc_memory(&memory));
	cr_expect(hc_proc_load(load));
	cr_expect(hc_proc_self(&self) && self.resident_bytes && self.virtual_bytes);
	n_fds = hc_proc_open_fds();
	cr_expect_gt(n_fds, 0);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_expect_eq(hc_proc_open_fds(), n_fds + 1);
}
