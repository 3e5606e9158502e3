// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decides what kind of /dev/kvm this machine has, by trying it.
 *
 * A guest of one page counts down in 64-bit mode at CPL 0. With VT-x or SVM beneath KVM that
 * runs at the speed of the processor; a KVM without them emulates kernel code one instruction
 * at a time, 1 to 3 million a second, and no stock kernel boots on it in useful time. CPUID's
 * vmx and svm flags tell neither.
 *
 * Prints `native`, `nested` (interpreted: real boots need the lab inside QEMU) or `none` (no
 * KVM), with -v also the reason on standard error. Status 0 whenever a word was printed. Takes
 * at most LIMIT_MS plus start-up. The rate is per CPU time of this thread, so that a busy host
 * changes no verdict.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst; Intel SDM volume 3, 4.5 (paging), 10.8.5 (long mode).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS    250
#define NATIVE_RATE 100e6	/* instructions a second */
#define ITERATIONS  40000000ull /* of two instructions each: 40 ms at 2 GHz */

#define MEM_SIZE    0x10000
#define PML4	    0x1000
#define PDPT	    0x2000
#define PD	    0x3000
#define CODE	    0x4000

static const uint8_t loop_code[] = {
	0x48, 0xff, 0xc9, /* 1: dec %rcx */
	0x75, 0xfb,	  /*    jnz 1b */
	0xf4,		  /*    hlt: without an irqchip this leaves KVM_RUN */
};

static int verbose;

static int say(const char *kind, const char *why, int err)
{
	if (verbose)
		fprintf(stderr, "kvm-kind: %s%s%s\n", why, err ? ": " : "",
			err ? strerror(err) : "");
	puts(kind);
	return 0;
}

static void on_alarm(int sig)
{
}

static void set_segment(struct kvm_segment *s, int code)
{
	memset(s, 0, sizeof(*s));
	s->limit = 0xffffffff;
	s->selector = code ? 0x08 : 0x10;
	s->type = code ? 11 : 3;
	s->present = 1;
	s->s = 1;
	s->g = 1;
	s->l = code;
	s->db = !code;
}

static int enter_long_mode(int vcpu, uint8_t *mem)
{
	struct kvm_regs regs = {.rip = CODE, .rsp = MEM_SIZE, .rflags = 2, .rcx = ITERATIONS};
	struct kvm_sregs sregs;

	*(uint64_t *)(mem + PML4) = PDPT | 3;
	*(uint64_t *)(mem + PDPT) = PD | 3;
	*(uint64_t *)(mem + PD) = 0x83; /* 2 MiB at 0, of which MEM_SIZE exists */
	memcpy(mem + CODE, loop_code, sizeof(loop_code));

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.cr0 = 0x80050033; /* PG AM WP NE ET MP PE */
	sregs.cr3 = PML4;
	sregs.cr4 = 0x20;   /* PAE */
	sregs.efer = 0x500; /* LMA LME */
	set_segment(&sregs.cs, 1);
	set_segment(&sregs.ds, 0);
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
		return -errno;
	return 0;
}

static double thread_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	struct itimerval limit = {.it_value.tv_usec = LIMIT_MS * 1000,
				  .it_interval.tv_usec = 10000};
	struct kvm_userspace_memory_region slot = {.memory_size = MEM_SIZE};
	struct kvm_regs regs;
	struct kvm_run *run;
	int kvm, vm, vcpu, size, ret;
	double seconds, rate;
	char why[80];
	uint8_t *mem;

	verbose = argc > 1 && !strcmp(argv[1], "-v");
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return say("none", "cannot open /dev/kvm", errno);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return say("none", "KVM_CREATE_VM", errno);

	mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return say("none", "mmap", errno);
	slot.userspace_addr = (uintptr_t)mem;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return say("none", "KVM_SET_USER_MEMORY_REGION", errno);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		return say("none", "KVM_CREATE_VCPU", errno);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	run = size < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		return say("none", "cannot map kvm_run", errno);
	ret = enter_long_mode(vcpu, mem);
	if (ret < 0)
		return say("none", "cannot set long mode", -ret);

	sigaction(SIGALRM, &sa, NULL); /* no SA_RESTART: KVM_RUN returns EINTR */
	setitimer(ITIMER_REAL, &limit, NULL);
	seconds = thread_seconds();
	ret = ioctl(vcpu, KVM_RUN, 0);
	seconds = thread_seconds() - seconds;
	if (ret < 0 && errno != EINTR)
		return say("none", "KVM_RUN", errno);
	if (ret == 0 && run->exit_reason != KVM_EXIT_HLT) {
		snprintf(why, sizeof(why), "KVM_RUN left with reason %u", run->exit_reason);
		return say("nested", why, 0);
	}
	if (ioctl(vcpu, KVM_GET_REGS, &regs) < 0)
		return say("none", "KVM_GET_REGS", errno);

	rate = 2.0 * (ITERATIONS - regs.rcx) / (seconds > 1e-6 ? seconds : 1e-6);
	snprintf(why, sizeof(why), "%.1f million instructions a second at CPL 0", rate / 1e6);
	return say(rate > NATIVE_RATE ? "native" : "nested", why, 0);
}
