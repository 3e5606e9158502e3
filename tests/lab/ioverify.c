// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioverify: verified disk I/O, in a guest and on its host. Static; part of guest.cpio and of L1.
 *
 *   ioverify run PATH KEY=VALUE...     so many operations; all that is read is checked
 *   ioverify check PATH KEY=VALUE...   what PATH has to hold after that run; reads only
 *   ioverify counter PATH COUNT        write a number, fsync, say it; the next
 *   ioverify last PATH                 the highest number in there
 *   ioverify one PATH LETTER OFFSET BYTES
 *                                      one direct request (r w p z d of below), and how it ended
 *   ioverify load PATH rand|seq|seq-huge DEPTH COUNT
 *                                      so many direct reads, DEPTH at a time, 4 KiB anywhere or
 *                                      1 MiB one behind the other, to pages of 4 KiB or
 *                                      (seq-huge) 2 MiB, and how long they took
 *
 * Keys: seed=N, bytes=SIZE (of the disk, from its start), count=N (operations a job), jobs=N
 * (processes, each with a part of the disk), align=N (of direct requests, 512), ops=LETTERS, each
 * as likely as it is often:
 *
 *   r w  direct read, write             R W  the same, buffered
 *   s S  direct, 1 MiB, one behind the other: write, read
 *   a    16 direct reads and writes at once
 *   p    zeros, space given back (PUNCH_HOLE)       z    zeros (ZERO_RANGE)
 *   d    discard                                    f    fsync
 *
 * The model: every sector of 512 bytes has a generation. What a write puts there follows from
 * seed, sector and generation, 0 being zeros; a discarded sector holds either what it held or
 * zeros. Operations follow from the seed alone, so `check` knows the content without having done
 * them. PATH begins as zeros. Work is bounded by count, never by time.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECTOR	  512u
#define MIB	  (1024u * 1024u)
#define HUGE	  (2 * MIB)
#define BATCH	  16u
#define BATCH_MAX (64u * 1024u)
#define DISCARDED (1u << 31)
#define SLOT	  4096u
#define SLOTS	  64u

static struct {
	const char *path;
	uint64_t seed, bytes, count, jobs, align;
	const char *ops;
	bool dry; /* check: the model moves, the disk is left alone */
} opt = {.seed = 1,
	 .bytes = 16 * MIB,
	 .count = 1000,
	 .jobs = 1,
	 .align = SECTOR,
	 .ops = "rwRWsSapzdf"};

/* One job: a part of the disk and what is known of it. */
struct job {
	uint64_t base, bytes; /* of the part */
	uint64_t random, written, read;
	uint64_t next_write, next_read; /* sequential */
	uint32_t *model, generation;
	int direct, buffered;
	aio_context_t aio;
	char *buf;
};

struct op {
	char kind;
	uint64_t offset, bytes; /* in the part */
};

static void __attribute__((format(printf, 1, 2), noreturn)) die(const char *fmt, ...)
{
	va_list ap;

	__builtin_va_start(ap, fmt);
	fprintf(stderr, "ioverify: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	__builtin_va_end(ap);
	exit(1);
}

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

static uint64_t next(struct job *job, uint64_t below)
{
	job->random += 0x9e3779b97f4a7c15;
	return mix(job->random) % below;
}

static void sector_fill(uint64_t *words, uint64_t sector, uint32_t generation)
{
	uint64_t v = mix(opt.seed << 32 ^ generation) ^ sector;

	for (unsigned int i = 0; i < SECTOR / 8; i++)
		words[i] = generation ? mix(v + i * 0x9e3779b97f4a7c15) : 0;
}

/* --- the model --- */

static void model_set(struct job *job, const struct op *op, char *buf)
{
	uint64_t first = op->offset / SECTOR, count = op->bytes / SECTOR;

	if (strchr("wWs", op->kind))
		job->generation++;
	for (uint64_t i = 0; i < count; i++) {
		switch (op->kind) {
		case 'w':
		case 'W':
		case 's':
			job->model[first + i] = job->generation;
			if (!opt.dry)
				sector_fill((uint64_t *)(buf + i * SECTOR),
					    job->base / SECTOR + first + i, job->generation);
			break;
		case 'p':
		case 'z':
			job->model[first + i] = 0;
			break;
		case 'd':
			job->model[first + i] |= DISCARDED;
			break;
		}
	}
}

static void verify(struct job *job, const struct op *op, const char *buf)
{
	static const char zeros[SECTOR];
	uint64_t first = op->offset / SECTOR, words[SECTOR / 8];

	for (uint64_t i = 0; i < op->bytes / SECTOR; i++) {
		const char *got = buf + i * SECTOR;
		uint32_t known = job->model[first + i];
		unsigned int at = 0;

		sector_fill(words, job->base / SECTOR + first + i, known & ~DISCARDED);
		if (!memcmp(got, words, SECTOR))
			continue;
		if (known & DISCARDED && !memcmp(got, zeros, SECTOR))
			continue;
		while (got[at] == ((char *)words)[at])
			at++;
		die("%s: sector %llu (request %c of %llu bytes at %llu), byte %u: %02x instead of "
		    "%02x, generation %u%s",
		    opt.path, (unsigned long long)(job->base / SECTOR + first + i), op->kind,
		    (unsigned long long)op->bytes, (unsigned long long)(job->base + op->offset), at,
		    (unsigned char)got[at], ((unsigned char *)words)[at], known & ~DISCARDED,
		    known & DISCARDED ? ", discarded" : "");
	}
}

/* --- operations --- */

static void op_place(struct job *job, struct op *op, uint64_t from, uint64_t room, uint64_t max,
		     uint64_t align)
{
	unsigned int steps = (unsigned int)__builtin_ctzll(max / align) + 1;

	op->bytes = align << next(job, steps);
	if (next(job, 4) == 0)
		op->bytes = (next(job, op->bytes / align) + 1) * align;
	op->offset = from + next(job, (room - op->bytes) / align + 1) * align;
}

static unsigned int op_choose(struct job *job, struct op *ops)
{
	struct op *op = ops;

	op->kind = opt.ops[next(job, strlen(opt.ops))];
	switch (op->kind) {
	case 'a':
		for (unsigned int i = 0; i < BATCH; i++) {
			uint64_t stripe = job->bytes / BATCH;

			op_place(job, &ops[i], i * stripe, stripe, BATCH_MAX, opt.align);
			ops[i].kind = next(job, 2) ? 'w' : 'r';
		}
		return BATCH;
	case 's':
		*op = (struct op){'s', job->next_write, MIB};
		job->next_write = (job->next_write + MIB) % job->bytes;
		return 1;
	case 'S':
		*op = (struct op){'S', job->next_read, MIB};
		job->next_read = (job->next_read + MIB) % job->bytes;
		return 1;
	case 'R':
	case 'W':
		op_place(job, op, 0, job->bytes, MIB, SECTOR);
		return 1;
	case 'f':
		*op = (struct op){.kind = 'f'};
		return 1;
	case 'r':
	case 'w':
	case 'p':
	case 'z':
	case 'd':
		op_place(job, op, 0, job->bytes, MIB, opt.align);
		return 1;
	}
	die("ops=%s: one of rwRWsSapzdf expected", opt.ops);
}

static bool is_write(char kind)
{
	return strchr("wWs", kind);
}

static void do_batch(struct job *job, struct op *ops)
{
	struct iocb cbs[BATCH], *list[BATCH];
	struct io_event events[BATCH];
	long done = 0, sent = 0;

	for (unsigned int i = 0; i < BATCH; i++) {
		char *buf = job->buf + i * BATCH_MAX;

		model_set(job, &ops[i], buf);
		cbs[i] = (struct iocb){
			.aio_data = i,
			.aio_lio_opcode = is_write(ops[i].kind) ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			.aio_fildes = (uint32_t)job->direct,
			.aio_buf = (uintptr_t)buf,
			.aio_nbytes = ops[i].bytes,
			.aio_offset = (int64_t)(job->base + ops[i].offset),
		};
		list[i] = &cbs[i];
	}
	while (sent < BATCH) {
		long n = syscall(SYS_io_submit, job->aio, BATCH - sent, list + sent);

		if (n <= 0)
			die("%s: io_submit: %s", opt.path, strerror(errno));
		sent += n;
	}
	while (done < BATCH) {
		long n = syscall(SYS_io_getevents, job->aio, 1, BATCH - done, events, NULL);

		for (long i = 0; i < n; i++) {
			struct op *op = &ops[events[i].data];

			if ((uint64_t)events[i].res != op->bytes)
				die("%s: %c of %llu bytes at %llu: %s", opt.path, op->kind,
				    (unsigned long long)op->bytes,
				    (unsigned long long)(job->base + op->offset),
				    strerror((int)-events[i].res));
			if (op->kind == 'r')
				verify(job, op, job->buf + events[i].data * BATCH_MAX);
		}
		if (n <= 0 && errno != EINTR)
			die("%s: io_getevents: %s", opt.path, strerror(errno));
		done += n > 0 ? n : 0;
	}
}

static int zero(int fd, char kind, uint64_t offset, uint64_t bytes)
{
	uint64_t range[2] = {offset, bytes};
	struct stat st;
	int mode = kind == 'z' ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE;

	if (kind == 'd' && !fstat(fd, &st) && S_ISBLK(st.st_mode))
		return ioctl(fd, BLKDISCARD, range);
	return fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes);
}

static void do_one(struct job *job, const struct op *op)
{
	int fd = strchr("RW", op->kind) ? job->buffered : job->direct;
	off_t at = (off_t)(job->base + op->offset);
	ssize_t ret;

	model_set(job, op, job->buf);
	if (op->kind == 'f')
		ret = fsync(job->buffered);
	else if (strchr("pzd", op->kind))
		ret = zero(job->buffered, op->kind, (uint64_t)at, op->bytes) ? -1
									     : (ssize_t)op->bytes;
	else if (is_write(op->kind))
		ret = pwrite(fd, job->buf, op->bytes, at);
	else
		ret = pread(fd, job->buf, op->bytes, at);
	if (ret != (ssize_t)op->bytes)
		die("%s: %c of %llu bytes at %llu: %s", opt.path, op->kind,
		    (unsigned long long)op->bytes, (unsigned long long)at,
		    ret < 0 ? strerror(errno) : "short");
	if (strchr("rRS", op->kind))
		verify(job, op, job->buf);
}

/* --- jobs --- */

static void job_open(struct job *job)
{
	int flags = (opt.dry ? O_RDONLY : O_RDWR) | O_CLOEXEC;

	job->buffered = open(opt.path, flags);
	if (job->buffered < 0)
		die("%s: %s", opt.path, strerror(errno));
	job->direct = -1;
	if (!opt.dry && strpbrk(opt.ops, "rwsSa")) {
		job->direct = open(opt.path, flags | O_DIRECT);
		if (job->direct < 0)
			die("%s: direct: %s", opt.path, strerror(errno));
		if (syscall(SYS_io_setup, BATCH, &job->aio))
			die("io_setup: %s", strerror(errno));
	}
	job->model = calloc(job->bytes / SECTOR, sizeof(*job->model));
	job->buf = aligned_alloc(4096, MIB);
	if (!job->model || !job->buf)
		die("no memory");
}

static void job_run(struct job *job)
{
	struct op ops[BATCH], whole = {.kind = 'r', .bytes = MIB};
	unsigned int n;

	job_open(job);
	for (uint64_t i = 0; i < opt.count; i++) {
		n = op_choose(job, ops);
		if (opt.dry)
			for (unsigned int k = 0; k < n; k++)
				model_set(job, &ops[k], NULL);
		else if (n > 1)
			do_batch(job, ops);
		else
			do_one(job, ops);
	}
	/* At the end all of it, direct where that was asked for: the disk, not the page cache. */
	if (job->direct < 0)
		whole.kind = 'R';
	for (; whole.offset < job->bytes; whole.offset += MIB) {
		int fd = job->direct < 0 ? job->buffered : job->direct;

		if (pread(fd, job->buf, MIB, (off_t)(job->base + whole.offset)) != MIB)
			die("%s: read of 1 MiB at %llu: %s", opt.path,
			    (unsigned long long)(job->base + whole.offset), strerror(errno));
		verify(job, &whole, job->buf);
	}
	if (!opt.dry && fsync(job->buffered))
		die("%s: fsync: %s", opt.path, strerror(errno));
}

static int run_all(void)
{
	uint64_t part = opt.bytes / opt.jobs / MIB * MIB;
	int status, failed = 0;

	if (part < MIB)
		die("bytes=%llu: at least 1 MiB a job expected", (unsigned long long)opt.bytes);
	for (uint64_t i = 0; i < opt.jobs; i++) {
		struct job job = {
			.base = i * part, .bytes = part, .random = mix(opt.seed + (i << 48))};

		if (fork() == 0) {
			job_run(&job);
			exit(0);
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	if (failed)
		return 1;
	printf("ioverify: %s: %s, %llu jobs of %llu operations on %llu bytes\n", opt.path,
	       opt.dry ? "as it should be" : "ok", (unsigned long long)opt.jobs,
	       (unsigned long long)opt.count, (unsigned long long)(part * opt.jobs));
	return 0;
}

/* --- the other commands --- */

static void slot_fill(uint64_t *slot, uint64_t number)
{
	for (unsigned int i = 0; i < SLOT / 8; i++)
		slot[i] = i ? mix(number + i) : number;
}

static int counter(const char *path, uint64_t count)
{
	static uint64_t slot[SLOT / 8];
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	for (uint64_t n = 1; n <= count; n++) {
		slot_fill(slot, n);
		if (pwrite(fd, slot, SLOT, (off_t)(n % SLOTS * SLOT)) != SLOT || fsync(fd))
			die("%s: %s", path, strerror(errno));
		printf("counter: %llu\n", (unsigned long long)n);
		fflush(stdout);
	}
	return 0;
}

static int last(const char *path)
{
	static uint64_t slot[SLOT / 8], wanted[SLOT / 8];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t highest = 0;

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (pread(fd, slot, SLOT, (off_t)(i * SLOT)) != SLOT)
			die("%s: too short", path);
		slot_fill(wanted, slot[0]);
		if (slot[0] % SLOTS == i && !memcmp(slot, wanted, SLOT) && slot[0] > highest)
			highest = slot[0];
	}
	printf("%llu\n", (unsigned long long)highest);
	return 0;
}

static int one(const char *path, const char *how, uint64_t offset, uint64_t bytes)
{
	int fd = open(path, (*how == 'r' ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC);
	char *buf = aligned_alloc(4096, bytes);
	ssize_t ret;

	if (fd < 0 || !buf)
		die("%s: %s", path, strerror(errno));
	memset(buf, 0x5a, bytes);
	if (strchr("pzd", *how))
		ret = zero(fd, *how, offset, bytes) ? -1 : (ssize_t)bytes;
	else
		ret = *how == 'w' ? pwrite(fd, buf, bytes, (off_t)offset)
				  : pread(fd, buf, bytes, (off_t)offset);
	printf("one: %s %s %llu at %llu: %s\n", path, how, (unsigned long long)bytes,
	       (unsigned long long)offset,
	       ret < 0		       ? strerror(errno)
	       : ret == (ssize_t)bytes ? "ok"
				       : "short");
	return ret != (ssize_t)bytes;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void send(aio_context_t aio, struct iocb **list, long count)
{
	while (count) {
		long n = syscall(SYS_io_submit, aio, count, list);

		if (n <= 0)
			die("io_submit: %s", strerror(errno));
		list += n;
		count -= n;
	}
}

static char *load_map(uint64_t bytes, int advice)
{
	char *pages = mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (pages == MAP_FAILED)
		die("no memory for a load");
	pages = (char *)(((uintptr_t)pages + HUGE - 1) / HUGE * HUGE);
	madvise(pages, bytes, advice);
	return pages;
}

/*
 * All of a load's buffers, touched. What a request costs depends on how its pages lie, which is
 * luck in a guest; here it is the best or the worst: pages of 2 MiB, or of 4 KiB of which no two
 * lie beside each other, every second one of twice as many.
 */
static char *load_buffers(uint64_t bytes, bool huge)
{
	char *buffers = load_map(bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE), *pages;

	if (huge) {
		memset(buffers, 0, bytes);
		return buffers;
	}
	pages = load_map(2 * bytes, MADV_NOHUGEPAGE);
	memset(pages, 0, 2 * bytes);
	for (uint64_t at = 0; at < bytes; at += 4096)
		if (mremap(pages + 2 * at, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED,
			   buffers + at) == MAP_FAILED)
			die("no memory for a load");
	return buffers;
}

static int load(const char *path, const char *what, uint64_t depth, uint64_t count)
{
	uint64_t each = !strcmp(what, "rand") ? 4096 : MIB, sent = 0, done = 0, size, begin;
	char *buffers = load_buffers(depth * each, !strcmp(what, "seq-huge"));
	struct job job = {.random = 1, .direct = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC)};
	struct iocb *cbs = calloc(depth, sizeof(*cbs)), **list = calloc(depth, sizeof(*list));
	struct io_event *events = calloc(depth, sizeof(*events));
	long batch = 0;

	size = (uint64_t)lseek(job.direct, 0, SEEK_END) / each;
	if (job.direct < 0 || !cbs || !list || !events || !size ||
	    syscall(SYS_io_setup, depth, &job.aio))
		die("%s: %s", path, strerror(errno));
	for (; (uint64_t)batch < depth; batch++) {
		cbs[batch] = (struct iocb){
			.aio_data = (uintptr_t)&cbs[batch],
			.aio_lio_opcode = IOCB_CMD_PREAD,
			.aio_fildes = (uint32_t)job.direct,
			.aio_buf = (uintptr_t)(buffers + (uint64_t)batch * each),
			.aio_nbytes = each,
		};
		list[batch] = &cbs[batch];
	}
	begin = now_us();
	while (done < count) {
		batch = batch < (long)(count - sent) ? batch : (long)(count - sent);
		for (long i = 0; i < batch; i++)
			list[i]->aio_offset =
				(int64_t)(each * (each == MIB ? (sent + (uint64_t)i) % size
							      : next(&job, size)));
		send(job.aio, list, batch);
		sent += (uint64_t)batch;
		batch = syscall(SYS_io_getevents, job.aio, 1, depth, events, NULL);
		for (long i = 0; i < batch; i++) {
			if ((uint64_t)events[i].res != each)
				die("%s: %s", path, strerror((int)-events[i].res));
			list[i] = (struct iocb *)(uintptr_t)events[i].data;
		}
		done += batch > 0 ? (uint64_t)batch : 0;
	}
	printf("load: %s %llu %llu %llu us\n", what, (unsigned long long)depth,
	       (unsigned long long)count, (unsigned long long)(now_us() - begin));
	return 0;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t v = strtoull(text, &end, 0);

	if (*end == 'M')
		v *= MIB, end++;
	else if (*end == 'K')
		v *= 1024, end++;
	if (end == text || *end)
		die("%s: a number expected", text);
	return v;
}

static void option(const char *word)
{
	static const struct {
		const char *key;
		uint64_t *value;
	} keys[] = {
		{"seed=", &opt.seed}, {"bytes=", &opt.bytes}, {"count=", &opt.count},
		{"jobs=", &opt.jobs}, {"align=", &opt.align},
	};

	for (unsigned int i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (!strncmp(word, keys[i].key, strlen(keys[i].key))) {
			*keys[i].value = number(word + strlen(keys[i].key));
			if (!*keys[i].value)
				die("%s: more than 0 expected", word);
			return;
		}
	}
	if (strncmp(word, "ops=", 4) || !word[4])
		die("%s: seed=, bytes=, count=, jobs=, align= or ops= expected", word);
	opt.ops = word + 4;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	opt.path = argv[argc > 2 ? 2 : 0];
	if (!strcmp(what, "run") || !strcmp(what, "check")) {
		opt.dry = !strcmp(what, "check");
		for (int i = 3; i < argc; i++)
			option(argv[i]);
		return run_all();
	}
	if (!strcmp(what, "counter") && argc == 4)
		return counter(argv[2], number(argv[3]));
	if (!strcmp(what, "load") && argc == 6)
		return load(argv[2], argv[3], number(argv[4]), number(argv[5]));
	if (!strcmp(what, "last") && argc == 3)
		return last(argv[2]);
	if (!strcmp(what, "one") && argc == 6)
		return one(argv[2], argv[3], number(argv[4]), number(argv[5]));
	die("usage: run|check PATH [KEY=VALUE...], counter PATH COUNT, last PATH, one PATH "
	    "r|w|p|z|d OFFSET BYTES");
}
