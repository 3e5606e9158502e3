// SPDX-License-Identifier: GPL-2.0-only
/*
 * The facts about the guest's console that the core needs.
 *
 * The end of a run depends on three facts: whether there is still new output (the trace of a panic
 * goes on), whether the kernel wrote that it halts on purpose, and the last line, which is quoted
 * when the guest halts without giving a reason. console/ and report/ store these facts here, so
 * that core/ never calls those two.
 *
 * Threads: the first two are atomics, written under the console's lock. The last line is copied
 * from the module that keeps the lines, while no vCPU runs.
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
