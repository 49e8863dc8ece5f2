/* SPDX-License-Identifier: MIT */
/*
 * Every input of the fuzzing corpora once more: what was found stays mended. How inputs get there:
 * tests/fuzz/run.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define HC_FUZZ_REPLAY
#include "tests/fuzz/compression.c"
#include "tests/fuzz/conf.c"
#include "tests/fuzz/event.c"
#include "tests/fuzz/json.c"
#include "tests/fuzz/rpc_reader.c"
#include "tests/fuzz/schema.c"
#include "tests/fuzz/text.c"
#include "tests/fuzz/token.c"

#define CORPUS "tests/fuzz/corpus/"

typedef int target_fn(const uint8_t *data, size_t len);

/* Exactly as long as the file, so that a byte read behind the input is found. */
static uint8_t *read_input(int dir_fd, const char *name, size_t *ret_len)
{
	HC_CLEANUP(hc_closep) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	uint8_t *data;
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0, "%s", name);
	data = malloc((size_t)st.st_size + !st.st_size);
	cr_assert(data);
	cr_assert_eq(read(fd, data, (size_t)st.st_size), st.st_size, "%s", name);
	*ret_len = (size_t)st.st_size;
	return data;
}

/* An input that fails ends the test's process: its name is the last that was noted. */
static void replay(target_fn *target, const char *path, size_t n_min)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	cr_assert(dir, "%s", path);
	while ((entry = readdir(dir))) {
		size_t len;
		uint8_t *data;

		if (entry->d_name[0] == '.')
			continue;
		cr_log_info("%s/%s", path, entry->d_name);
		data = read_input(dirfd(dir), entry->d_name, &len);
		(void)target(data, len);
		free(data);
		n++;
	}
	closedir(dir);
	cr_expect_geq(n, n_min, "%s has %zu inputs", path, n);
}

Test(corpus, compression_holds)
{
	replay(fuzz_compression, CORPUS "compression", 10);
}

Test(corpus, conf_holds)
{
	replay(fuzz_conf, CORPUS "conf", 10);
}

Test(corpus, event_holds)
{
	replay(fuzz_event, CORPUS "event", 5);
}

Test(corpus, json_holds)
{
	replay(fuzz_json, CORPUS "json", 5);
}

Test(corpus, rpc_reader_holds)
{
	replay(fuzz_rpc_reader, CORPUS "rpc_reader", 5);
}

Test(corpus, schema_holds)
{
	replay(fuzz_schema, CORPUS "schema", 10);
}

Test(corpus, text_holds)
{
	replay(fuzz_text, CORPUS "text", 20);
}

Test(corpus, token_holds)
{
	replay(fuzz_token, CORPUS "token", 20);
}
