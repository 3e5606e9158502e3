// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins util/workers.c: each job runs once on a thread and is done once on the loop; how many
 * threads there are; a job that hangs is left behind with its buffer, and the pool goes on; no
 * thread can be made. The pool's threads wait for a gate that a test opens.
 */
#include "tests/lib/test.h"

#include <dlfcn.h>
#include <errno.h>
#include <kvm/loop.h>
#include <kvm/thread.h>
#include <kvm/util.h>
#include <kvm/workers.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#define THREADS	   3
#define MANY	   500

struct job {
	struct worker_job worker;
	sem_t *gate; /* run() waits for it */
	atomic_uint runs;
	unsigned int dones;
	int err;
	char *buffer; /* the job's own: run() writes to it, drop() frees it */
	char thread_name[16];
	pthread_t ran_on;
	struct job *to_abandon; /* by done() */
};

static struct loop *loop;
static struct workers *pool;
static struct job *last_done;
static unsigned int left, batches;
static atomic_uint running, running_max, dropped;
static sem_t gate, began;

/* --- threads that cannot be made --- */

static unsigned int starts_refused, threads_made;

/* util/thread.c asks for each thread's stack: one larger than the address space is refused. */
int pthread_attr_setstacksize(pthread_attr_t *attr, size_t bytes)
{
	int (*real)(pthread_attr_t * attr, size_t bytes);

	*(void **)&real = dlsym(RTLD_NEXT, "pthread_attr_setstacksize");
	if (starts_refused) {
		starts_refused--;
		return real(attr, (size_t)1 << 50);
	}
	threads_made++;
	return real(attr, bytes);
}

/* --- jobs --- */

static struct job *job_of(struct worker_job *worker)
{
	return container_of(worker, struct job, worker);
}

static void job_run(struct worker_job *worker)
{
	struct job *job = job_of(worker);
	unsigned int now = ++running;

	if (now > running_max)
		running_max = now;
	job->runs++;
	job->ran_on = pthread_self();
	pthread_getname_np(pthread_self(), job->thread_name, sizeof(job->thread_name));
	if (job->gate) {
		sem_post(&began);
		while (sem_wait(job->gate))
			continue;
	}
	if (job->buffer)
		memset(job->buffer, 'x', 4096);
	running--;
}

static void job_done(struct worker_job *worker, int err)
{
	struct job *job = job_of(worker);

	job->dones++;
	job->err = err;
	last_done = job;
	left--;
	if (job->to_abandon) {
		workers_abandon(pool, &job->to_abandon->worker);
		job->to_abandon = NULL;
		left--;
	}
}

static void job_drop(struct worker_job *worker)
{
	struct job *job = job_of(worker);

	free(job->buffer);
	free(job);
	dropped++;
}

static struct job *job_new(sem_t *wait_for)
{
	struct job *job = calloc(1, sizeof(*job));

	assert_non_null(job);
	job->worker = (struct worker_job){.run = job_run, .done = job_done, .drop = job_drop};
	job->gate = wait_for;
	return job;
}

static struct job *queue_new(sem_t *wait_for)
{
	struct job *job = job_new(wait_for);

	workers_queue(pool, &job->worker);
	left++;
	return job;
}

static void job_check(struct job *job, unsigned int runs, int err)
{
	assert_int_equal(job->runs, runs);
	assert_int_equal(job->dones, 1);
	assert_int_equal(job->err, err);
	free(job);
}

static void batch(void *arg)
{
	batches++;
	workers_commit(pool);
	if (!left)
		loop_stop(arg);
}

/* Until nothing is left. */
static void run_loop(void)
{
	if (left)
		assert_int_equal(loop_run(loop), 0);
	loop_continue(loop);
	assert_int_equal(left, 0);
}

static void wait_for(sem_t *semaphore, unsigned int times)
{
	while (times--)
		assert_int_equal(sem_wait(semaphore), 0);
}

static void open_gate(unsigned int times)
{
	while (times--)
		sem_post(&gate);
}

static int set_up(void **state)
{
	struct workers_config config = {.name = "test-worker", .max = THREADS, .batch = batch};

	alarm(100);
	loop = config.loop = config.arg = loop_new();
	left = batches = starts_refused = 0;
	running = running_max = dropped = threads_made = 0;
	sem_init(&gate, 0, 0);
	sem_init(&began, 0, 0);
	return loop ? workers_new(&pool, &config) : -1;
}

static int tear_down(void **state)
{
	loop_free(loop);
	alarm(0);
	return 0;
}

/* --- the usual --- */

static void test_each_once(void **state)
{
	struct job *jobs[MANY];

	for (unsigned int i = 0; i < MANY; i++) {
		jobs[i] = queue_new(NULL);
		if (i % 7 == 0)
			workers_commit(pool);
	}
	workers_commit(pool);
	assert_int_equal(jobs[0]->dones, 0);
	run_loop();
	assert_true(batches >= 1);
	assert_in_range(threads_made, 1, THREADS);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_string_equal(jobs[i]->thread_name, "test-worker");
		assert_false(pthread_equal(jobs[i]->ran_on, pthread_self()));
		job_check(jobs[i], 1, 0);
	}
	workers_close(pool);
}

/* A thread for each job that waits, up to the limit, and idle ones are used again. */
static void test_how_many_threads(void **state)
{
	struct job *jobs[THREADS + 2];

	jobs[0] = queue_new(&gate);
	workers_commit(pool);
	wait_for(&began, 1);
	assert_int_equal(threads_made, 1);
	for (unsigned int i = 1; i < ARRAY_SIZE(jobs); i++)
		jobs[i] = queue_new(&gate);
	workers_commit(pool);
	assert_int_equal(threads_made, THREADS);
	wait_for(&began, THREADS - 1);
	open_gate(ARRAY_SIZE(jobs));
	run_loop();
	assert_int_equal(running_max, THREADS);
	for (unsigned int i = 0; i < ARRAY_SIZE(jobs); i++)
		job_check(jobs[i], 1, 0);
	jobs[0] = queue_new(NULL);
	workers_commit(pool);
	run_loop();
	job_check(jobs[0], 1, 0);
	assert_int_equal(threads_made, THREADS);
	workers_close(pool);
}

/* Without the loop: a caller that polls gets the same. */
static void test_reap(void **state)
{
	struct job *job = queue_new(NULL);

	workers_commit(pool);
	while (left) {
		workers_reap(pool);
		usleep(100);
	}
	assert_int_equal(batches, 0);
	job_check(job, 1, 0);
	workers_close(pool);
}

/* --- jobs that are left behind --- */

/* It hangs; its thread is replaced; when it comes back, it still has its buffer, and frees it. */
static void test_abandon_one_that_runs(void **state)
{
	struct job *hung[THREADS], *job;

	for (unsigned int i = 0; i < THREADS; i++) {
		hung[i] = queue_new(&gate);
		hung[i]->buffer = malloc(4096);
	}
	workers_commit(pool);
	wait_for(&began, THREADS);
	job = queue_new(NULL);
	workers_commit(pool);
	/* All threads hang, so that nothing else runs. */
	usleep(20000);
	assert_int_equal(job->runs, 0);
	workers_abandon(pool, &hung[1]->worker);
	left--;
	while (!job->runs)
		usleep(100);
	assert_int_equal(threads_made, THREADS + 1);
	assert_int_equal(dropped, 0);
	open_gate(THREADS);
	run_loop();
	job_check(job, 1, 0);
	for (unsigned int i = 0; i < THREADS; i += 2) {
		free(hung[i]->buffer);
		job_check(hung[i], 1, 0);
	}
	while (!dropped)
		usleep(100);
	workers_close(pool);
}

/* The pool is gone before the job comes back. */
static void test_close_with_one_that_hangs(void **state)
{
	struct job *hung[2];

	for (unsigned int i = 0; i < 2; i++) {
		hung[i] = queue_new(&gate);
		hung[i]->buffer = malloc(4096);
	}
	workers_commit(pool);
	wait_for(&began, 2);
	workers_abandon(pool, &hung[0]->worker);
	workers_abandon(pool, &hung[1]->worker);
	workers_close(pool);
	assert_int_equal(dropped, 0);
	open_gate(2);
	while (dropped < 2)
		usleep(100);
	/* Their threads end now; the leak check sees what they had. */
	usleep(20000);
}

/* One that was not handed over, one that waits for a thread, and two that have run. */
static void test_abandon_one_that_waits(void **state)
{
	struct job *busy[THREADS], *pending, *staged, *first, *second;

	for (unsigned int i = 0; i < THREADS; i++)
		busy[i] = queue_new(&gate);
	pending = queue_new(NULL);
	workers_commit(pool);
	wait_for(&began, THREADS);
	staged = queue_new(NULL);
	left -= 2;
	workers_abandon(pool, &pending->worker);
	workers_abandon(pool, &staged->worker);
	assert_int_equal(dropped, 2);
	open_gate(THREADS);
	run_loop();
	for (unsigned int i = 0; i < THREADS; i++)
		job_check(busy[i], 1, 0);
	/* The second is in the list that is being gone through. */
	first = queue_new(NULL);
	second = queue_new(NULL);
	first->to_abandon = second;
	second->to_abandon = first;
	workers_commit(pool);
	while (first->runs + second->runs < 2 || running)
		usleep(100);
	usleep(20000);
	run_loop();
	assert_int_equal(dropped, 3);
	free(last_done);
	workers_close(pool);
	assert_int_equal(threads_made, THREADS);
}

/* When too many threads hang, no more are made, and jobs fail instead of waiting for ever. */
static void test_too_many_hang(void **state)
{
	struct job *hung, *job;

	for (unsigned int i = 0; i < THREADS + WORKERS_LOST_MAX; i++) {
		hung = queue_new(&gate);
		workers_commit(pool);
		wait_for(&began, 1);
		workers_abandon(pool, &hung->worker);
		left--;
	}
	job = queue_new(NULL);
	workers_commit(pool);
	run_loop();
	job_check(job, 0, -ENOMEM);
	/* They come back, and there is room for threads again. */
	open_gate(THREADS + WORKERS_LOST_MAX);
	while (dropped < THREADS + WORKERS_LOST_MAX)
		usleep(100);
	job = queue_new(NULL);
	workers_commit(pool);
	run_loop();
	job_check(job, 1, 0);
	workers_close(pool);
}

/* --- threads that cannot be made --- */

static void test_no_thread(void **state)
{
	struct job *jobs[4];

	starts_refused = UINT_MAX;
	for (unsigned int i = 0; i < 4; i++)
		jobs[i] = queue_new(NULL);
	workers_commit(pool);
	assert_int_equal(jobs[0]->dones, 0);
	run_loop();
	for (unsigned int i = 0; i < 4; i++)
		job_check(jobs[i], 0, -ENOMEM);
	/* One is enough. */
	starts_refused = 0;
	jobs[0] = queue_new(&gate);
	workers_commit(pool);
	starts_refused = UINT_MAX;
	jobs[1] = queue_new(NULL);
	workers_commit(pool);
	open_gate(1);
	run_loop();
	job_check(jobs[0], 1, 0);
	job_check(jobs[1], 1, 0);
	assert_int_equal(threads_made, 1);
	workers_close(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_once),
		TEST(test_how_many_threads),
		TEST(test_reap),
		TEST(test_abandon_one_that_runs),
		TEST(test_close_with_one_that_hangs),
		TEST(test_abandon_one_that_waits),
		TEST(test_too_many_hang),
		TEST(test_no_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
