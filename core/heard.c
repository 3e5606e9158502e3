// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the core must know of the guest's console.
 *
 * How a run ends depends on three things that the guest says: whether it still says anything (the
 * trace of a panic goes on), that it halts on purpose, and its last line, which is quoted when it
 * halts without a word. console/ and report/ tell them here; core/ never calls those two.
 *
 * Threads: each fact is one atomic, written under the console's lock. The last line is fetched from
 * whoever keeps the lines, and that while no vCPU runs.
 */
#include <kvm/heard.h>

#include <stdatomic.h>

static struct {
	_Atomic u64 bytes;
	atomic_bool halted;
	void (*copy_last_line)(char *line, size_t size);
} heard;

void heard_output(u64 bytes)
{
	atomic_store_explicit(&heard.bytes, bytes, memory_order_relaxed);
}

u64 heard_output_bytes(void)
{
	return atomic_load_explicit(&heard.bytes, memory_order_relaxed);
}

void heard_halt(bool halted)
{
	atomic_store(&heard.halted, halted);
}

bool heard_halted(void)
{
	return atomic_load(&heard.halted);
}

void heard_set_last_line(void (*copy)(char *line, size_t size))
{
	heard.copy_last_line = copy;
}

void heard_last_line(char *line, size_t size)
{
	line[0] = '\0';
	if (heard.copy_last_line)
		heard.copy_last_line(line, size);
}
