// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that does what its command line says: each word `do=ACTION[:ARGUMENT...]`, in order.
 *
 * One binary serves all tests; the table at the end lists the actions. What an action found out
 * is one line on the console: "ACTION: ..." when all is well, "bad: ..." when it is not, which
 * the tests look for. After the last word the guest spins until somebody ends it.
 *
 * Serial data. `write:N` sends N bytes of numbered lines (15 digits and a newline), which
 * `seq -f %015.0f` makes as well. `echo:N` takes N bytes and prints their FNV-1a sum.
 *
 * Spec: PC16550D data sheet, section 8; ACPI 6.4, 4.8.
 */
#include "debug.h"
#include "lib.h"
#include "pci.h"
#include "smp.h"
#include "virtio.h"

#define PORT_EXIT	       0xf4
#define PORT_PVPANIC	       0x505
#define PORT_KEYBOARD	       0x64
#define PORT_PIT	       0x40
#define PORT_PIT_COMMAND       0x43
#define PORT_PM1_ENABLE	       0x602 /* what the FADT says; see do_button() */

#define STATUS_FAULT	       250 /* through the exit port: the payload itself has a bug */
#define STATUS_USAGE	       251

#define UART_IER	       1
#define UART_IIR	       2
#define UART_FCR	       2
#define UART_MCR	       4
#define UART_LCR	       3
#define UART_LSR	       5
#define UART_SCR	       7
#define IER_RDI		       0x01
#define IER_THRI	       0x02
#define IER_RLSI	       0x04
#define IIR_THRI	       0x02
#define MCR_DTR		       0x01
#define MCR_RTS		       0x02
#define MCR_OUT2	       0x08
#define LSR_DR		       0x01
#define LSR_OE		       0x02
#define LSR_BI		       0x10
#define LSR_THRE	       0x20
#define LINE_BYTES	       16

#define ZERO_PAGE_E820_ENTRIES 0x1e8
#define ZERO_PAGE_RAMDISK      0x218
#define ZERO_PAGE_SETUP_DATA   0x250
#define ZERO_PAGE_E820_TABLE   0x2d0
#define E820_BYTES	       20
#define SETUP_RNG_SEED	       9

#define APIC		       0xfee00000
#define APIC_TPR	       (APIC + 0x80)
#define APIC_LINT0	       (APIC + 0x350)
#define APIC_SPURIOUS	       (APIC + 0xf0)
#define IOAPIC		       0xfec00000
#define IOAPIC_ENTRY_4	       0x18

#define MSR_KVM_CLOCK	       0x4b564d01
#define CLOCK_PAGE	       0x2000000ULL /* RAM that nothing else uses */

#define FLAGS_IF	       0x200

#define MARKER		       0x6b72616d /* "mark" */
#define MIB		       0x100000ULL

extern const u8 idt_pointer_empty[], idt_pointer_broken[];
extern u8 bss_start[], bss_end[], payload_end[];

u32 irq_count[16];

static void spin(void)
{
	for (;;)
		asm volatile("pause");
}

/* At CPL 0. */
void payload_fault(u64 vector, u64 error, u64 rip, u64 address)
{
	put("bad: exception ");
	put_number(vector);
	put(" at 0x");
	put_hex(rip, 8);
	put(", error 0x");
	put_hex(error, 4);
	put(", address 0x");
	put_hex(address, 16);
	put("\n");
	outb(PORT_EXIT, STATUS_FAULT);
	spin();
}

/* --- words --- */

/* What does not fit into a word: _ is a blank, ~ a newline. */
static void do_say(const char *text)
{
	for (; *text && *text != ' '; text++)
		put_char(*text == '_' ? ' ' : *text == '~' ? '\n' : *text);
}

static void do_sleep(const char *arg)
{
	sleep_ms(word_number(arg));
}

/* --- endings --- */

static void do_exit(const char *arg)
{
	outb(PORT_EXIT, (u8)word_number(arg));
	put("bad: the exit port did not end the run\n");
}

static void do_exit2(const char *arg)
{
	outw(PORT_EXIT, (u16)word_number(arg));
	put("bad: the exit port did not end the run\n");
}

static void do_exit4(const char *arg)
{
	outl(PORT_EXIT, (u32)word_number(arg));
	put("bad: the exit port did not end the run\n");
}

static void do_poweroff(const char *arg)
{
	struct acpi_fixed fixed;

	(void)arg;
	if (!acpi_find(&fixed))
		return;
	outw(fixed.pm1_control, (u16)(fixed.s5_type << 10 | 0x2000));
	put("bad: the guest goes on after its power-off\n");
}

static void do_reset(const char *arg)
{
	struct acpi_fixed fixed;

	if (word_is(arg, "kbd"))
		outb(PORT_KEYBOARD, 0xfe);
	else if (word_is(arg, "cf9"))
		outb(PORT_RESET, 0x06);
	else if (word_is(arg, "p92"))
		outb(PORT_SYSTEM_A, 0x01);
	else if (word_is(arg, "fadt") && acpi_find(&fixed))
		outb(fixed.reset_port, fixed.reset_value);
	put("bad: the guest goes on after its reset\n");
}

static void crash(u64 idt_pointer, u64 *flags)
{
	(void)flags;
	asm volatile("lidt (%0); ud2" : : "r"(idt_pointer));
}

static void do_triple(const char *arg)
{
	at_cpl0(crash, (u64)(word_is(arg, "broken") ? idt_pointer_broken : idt_pointer_empty));
}

static void halt(u64 unused, u64 *flags)
{
	(void)unused, (void)flags;
	for (;;)
		asm volatile("cli; hlt");
}

static void do_hang(const char *arg)
{
	(void)arg;
	at_cpl0(halt, 0);
}

static void do_spin(const char *arg)
{
	(void)arg;
	spin();
}

static void do_panic(const char *arg)
{
	(void)arg;
	put("[    1.234567] Kernel panic - not syncing: test\r\n"
	    "[    1.234568] CPU: 0 PID: 1 Comm: init Not tainted\r\n"
	    "[    1.234569] Call Trace:\r\n");
}

static void do_panic_end(const char *arg)
{
	(void)arg;
	put("[    1.234570] ---[ end Kernel panic - not syncing: test ]---\r\n");
}

static void do_pvpanic(const char *arg)
{
	u8 events = inb(PORT_PVPANIC);

	(void)arg;
	if (!(events & 1))
		put("bad: pvpanic does not offer the event\n");
	outb(PORT_PVPANIC, 1);
}

/* "The crash kernel takes over": lkvm says a line and goes on. A word past the console. */
static void tell(void)
{
	outb(PORT_PVPANIC, 2);
}

static void do_tell(const char *arg)
{
	(void)arg;
	tell();
}

/* Wait for the power button; what follows is the next word's affair. */
static void do_button(const char *arg)
{
	struct acpi_fixed fixed;

	(void)arg;
	if (!acpi_find(&fixed))
		return;
	outw(fixed.pm1_event + 2, 0x0100);
	put("button: waiting\n");
	while (!(inw(fixed.pm1_event) & 0x0100))
		sleep_ms(1);
	outw(fixed.pm1_event, 0x0100);
	put(inw(fixed.pm1_event) & 0x0100 ? "bad: the status bit stays\n" : "button: pressed\n");
}

/* --- boots --- */

/* boots:N:HOW - reset until this is the Nth boot. */
static void do_boots(const char *arg)
{
	u8 boot = (u8)(cmos_read(CMOS_BOOTS) + 1);

	cmos_write(CMOS_BOOTS, boot);
	put("boot ");
	put_number(boot);
	put("\n");
	if (boot < word_number(arg))
		do_reset(word_argument(arg));
}

/* --- memory --- */

static u64 ram_low_top(void)
{
	u64 top = 0;

	for (u32 i = 0; i < *(u8 *)(u64)(boot_params + ZERO_PAGE_E820_ENTRIES); i++) {
		u64 entry = boot_params + ZERO_PAGE_E820_TABLE + i * E820_BYTES;
		u64 start = mem_read32(entry) | (u64)mem_read32(entry + 4) << 32;
		u64 size = mem_read32(entry + 8) | (u64)mem_read32(entry + 12) << 32;

		if (mem_read32(entry + 16) == 1 && start + size <= 0xc0000000 && start + size > top)
			top = start + size;
	}
	return top;
}

/* Is all RAM zero but for low memory, this image and the initrd? Then spoil a word a page. */
static void do_ram(const char *arg)
{
	u64 top = ram_low_top(), dirty = 0, first = 0;
	u64 initrd = mem_read32(boot_params + ZERO_PAGE_RAMDISK);

	(void)arg;
	if (initrd && initrd < top)
		top = initrd;
	for (u64 at = MIB; at < top; at += 4096) {
		u64 *page = (u64 *)at;
		u64 sum = 0;

		if (at >= 16 * MIB && at < (u64)payload_end)
			continue;
		for (int i = 0; i < 512; i++)
			sum |= page[i];
		if (sum && !dirty++)
			first = at;
		page[17] = MARKER;
	}
	if (dirty) {
		put("bad: ram: ");
		put_number(dirty);
		put(" pages not zero, the first at 0x");
		put_hex(first, 8);
	} else {
		put("ram: zero up to 0x");
		put_hex(top, 8);
	}
	put("\n");
}

static void do_seed(const char *arg)
{
	u64 node = mem_read32(boot_params + ZERO_PAGE_SETUP_DATA);
	u32 len;

	(void)arg;
	while (node && mem_read32(node + 8) != SETUP_RNG_SEED)
		node = mem_read32(node);
	len = node ? mem_read32(node + 12) : 0;
	put(len ? "seed: " : "bad: no seed");
	for (u32 i = 0; i < len; i++)
		put_hex(*(u8 *)(node + 16 + i), 2);
	put("\n");
}

static void do_e820(const char *arg)
{
	(void)arg;
	for (u32 i = 0; i < *(u8 *)(u64)(boot_params + ZERO_PAGE_E820_ENTRIES); i++) {
		u64 entry = boot_params + ZERO_PAGE_E820_TABLE + i * E820_BYTES;
		u64 start = mem_read32(entry) | (u64)mem_read32(entry + 4) << 32;
		u64 size = mem_read32(entry + 8) | (u64)mem_read32(entry + 12) << 32;

		put("e820: ");
		put_hex(start, 10);
		put("-");
		put_hex(start + size - 1, 10);
		put(" ");
		put_number(mem_read32(entry + 16));
		put("\n");
	}
}

static void do_cmdline(const char *arg)
{
	(void)arg;
	put("cmdline: ");
	put(command_line());
	put("\n");
}

static void do_initrd(const char *arg)
{
	u32 start = mem_read32(boot_params + ZERO_PAGE_RAMDISK);
	u32 size = mem_read32(boot_params + ZERO_PAGE_RAMDISK + 4);

	(void)arg;
	put("initrd: 0x");
	put_hex(start, 8);
	put(" ");
	put_number(size);
	put(" bytes, sum ");
	put_hex(checksum((const u8 *)(u64)start, size), 8);
	put("\n");
}

/* --- accesses that nobody answers --- */

static void do_ports(const char *arg)
{
	static const u16 ports[] = {0x80, 0x2e0, 0x510, 0x5000, 0xfffc};

	(void)arg;
	for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
		outb(ports[i], 0);
		outw(ports[i], 0);
		outl(ports[i], 0);
		if (inb(ports[i]) != 0xff || inw(ports[i]) != 0xffff ||
		    inl(ports[i]) != 0xffffffff) {
			put("bad: port 0x");
			put_hex(ports[i], 4);
			put("\n");
			return;
		}
	}
	put("ports: all ones\n");
}

static void do_mmio(const char *arg)
{
	(void)arg;
	mem_write32(0xd0000000, 0);
	if (mem_read32(0xd0000000) != 0xffffffff || *(volatile u8 *)0xd0000001 != 0xff)
		put("bad: mmio\n");
	else
		put("mmio: all ones\n");
}

/* --- serial port --- */

static void uart_open(u8 mcr)
{
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_FCR, 0x07); /* FIFO on and empty */
	outb(COM1 + UART_MCR, mcr);
}

static int uart_get(void)
{
	u8 lsr = inb(COM1 + UART_LSR);

	if (lsr & LSR_OE)
		put("bad: overrun\n");
	return lsr & LSR_DR ? inb(COM1) : -1;
}

/* open - as Linux opens its console for init, to receive by interrupt; none is let through. */
static void do_open(const char *arg)
{
	(void)arg;
	uart_open(MCR_DTR | MCR_RTS | MCR_OUT2);
	outb(COM1 + UART_IER, IER_RLSI | IER_RDI);
}

/* echo:N */
static void do_echo(const char *arg)
{
	u64 bytes = word_number(arg);
	u32 sum = CHECKSUM_START;

	uart_open(MCR_DTR | MCR_RTS | MCR_OUT2);
	for (u64 i = 0; i < bytes;) {
		int byte = uart_get();

		if (byte < 0)
			continue;
		sum = checksum_add(sum, (u8)byte);
		i++;
	}
	put("echo: ");
	put_number(bytes);
	put(" bytes, sum ");
	put_hex(sum, 8);
	put("\n");
}

/* hold:MS - RTS is low for so long; nothing must come. */
static void do_hold(const char *arg)
{
	u64 came = 0;

	uart_open(MCR_DTR | MCR_OUT2);
	put("hold: RTS is low\n");
	for (u64 left = word_number(arg); left; left--) {
		sleep_ms(1);
		while (uart_get() >= 0)
			came++;
	}
	put(came ? "bad: hold: input came\n" : "hold: nothing came\n");
}

/* keys - show each byte that comes, until 'q'. */
static void do_keys(const char *arg)
{
	int byte = 0;

	(void)arg;
	uart_open(MCR_DTR | MCR_RTS | MCR_OUT2);
	put("keys: ready\n");
	while (byte != 'q') {
		u8 lsr = inb(COM1 + UART_LSR);

		if (lsr & LSR_BI)
			put("key: break\n");
		if (!(lsr & LSR_DR))
			continue;
		byte = inb(COM1);
		if (lsr & LSR_BI)
			continue;
		put("key: ");
		put_hex((u64)byte, 2);
		put("\n");
	}
}

/* The digits of a numbered line are counted up in place: a division a byte would be felt. */
static void next_line(char line[LINE_BYTES])
{
	for (int i = LINE_BYTES - 2; i >= 0 && line[i]++ == '9'; i--)
		line[i] = '0';
}

/* program:TEXT - say, as a tty driver does: with the transmitter's interrupt enabled. */
static void do_program(const char *text)
{
	outb(COM1 + UART_IER, IER_THRI);
	do_say(text);
	outb(COM1 + UART_IER, 0);
}

/* Unrolled, from registers: what an interpreter likes best. */
static void send_line(u64 line, u64 *flags)
{
	(void)flags;
	for (int word = 0; word < LINE_BYTES / 8; word++) {
		u64 bytes = ((const u64 *)line)[word];

#pragma GCC unroll 8
		for (int i = 0; i < 8; i++) {
			outb(COM1, (u8)bytes);
			bytes >>= 8;
		}
	}
}

static void first_line(char line[LINE_BYTES])
{
	for (int i = 0; i < LINE_BYTES - 1; i++)
		line[i] = '0';
	line[LINE_BYTES - 1] = '\n';
}

/*
 * At CPL 0, where an interpreter's `out` costs a third of one at CPL 3. LSR is polled once a line,
 * a FIFO's worth; a printk never waits, so it must say ready.
 */
static void write_lines(u64 bytes, u64 *flags)
{
	char line[LINE_BYTES] __attribute__((aligned(8)));
	u64 waits = 0;

	(void)flags;
	first_line(line);
	for (u64 i = 0; i < bytes; i += LINE_BYTES) {
		while (!(inb(COM1 + UART_LSR) & LSR_THRE))
			waits++;
		send_line((u64)line, NULL);
		next_line(line);
	}
	if (waits)
		put("bad: LSR said busy\n");
}

/* write:N */
static void do_write(const char *arg)
{
	at_cpl0(write_lines, word_number(arg));
}

/* Lines 0 to 7 at vector 0x20, 8 to 15 at 0x28; only `line` is let through. */
static void pic_open(int line)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, 0x20);
	outb(0xa1, 0x28);
	outb(0x21, 0x04);
	outb(0xa1, 0x02);
	outb(0x21, 0x01);
	outb(0xa1, 0x01);
	outb(0x21, (u8) ~(1 << line));
	outb(0xa1, 0xff);
}

static void set_interrupts(u64 value, u64 *flags)
{
	*flags = (*flags & ~(u64)FLAGS_IF) | value;
}

/* A round is some 0.5 ms. */
static bool wait_for_irq(volatile u32 *count, u32 seen, u64 rounds)
{
	while (rounds--) {
		for (int i = 0; i < 10000; i++) {
			if (*count != seen)
				return true;
			asm volatile("pause");
		}
	}
	return false;
}

/*
 * writeirq:N - as a tty driver writes: a FIFO's worth at each THR-empty interrupt. Tells when none
 * comes for a long time.
 */
static void do_write_irq(const char *arg)
{
	u64 bytes = word_number(arg);
	volatile u32 *count = &irq_count[COM1_IRQ];
	char line[LINE_BYTES] __attribute__((aligned(8)));
	u32 seen = *count;

	first_line(line);
	pic_open(COM1_IRQ);
	uart_open(MCR_DTR | MCR_RTS | MCR_OUT2);
	at_cpl0(set_interrupts, FLAGS_IF);
	outb(COM1 + UART_IER, IER_THRI);
	for (u64 i = 0; i < bytes;) {
		if (!wait_for_irq(count, seen, 2000)) {
			tell();
			wait_for_irq(count, seen, ~0ULL);
		}
		seen = *count;
		if ((inb(COM1 + UART_IIR) & 0x0f) != IIR_THRI)
			continue;
		at_cpl0(send_line, (u64)line);
		next_line(line);
		i += LINE_BYTES;
	}
	outb(COM1 + UART_IER, 0);
	at_cpl0(set_interrupts, 0);
}

/* --- what a reset must bring back --- */

static void read_msr(u64 to, u64 *flags)
{
	u32 low, high;

	(void)flags;
	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_KVM_CLOCK));
	*(volatile u64 *)to = (u64)high << 32 | low;
}

static void write_msr(u64 value, u64 *flags)
{
	(void)flags;
	asm volatile("wrmsr" : : "a"((u32)value), "d"((u32)(value >> 32)), "c"(MSR_KVM_CLOCK));
}

static u32 ioapic_read(u8 index)
{
	mem_write32(IOAPIC, index);
	return mem_read32(IOAPIC + 0x10);
}

static void put_field(const char *name, u64 value)
{
	put(name);
	put_hex(value, 4);
}

/* One line of registers as they are, then other values into all of them. */
static void do_chips(const char *arg)
{
	u64 clock = 0;

	(void)arg;
	at_cpl0(read_msr, (u64)&clock);
	put_field("chips: ier ", inb(COM1 + UART_IER));
	put_field(" lcr ", inb(COM1 + UART_LCR));
	put_field(" mcr ", inb(COM1 + UART_MCR));
	put_field(" scr ", inb(COM1 + UART_SCR));
	put_field(" pic ", (u64)(inb(0x21) << 8 | inb(0xa1)));
	put_field(" ioapic ", ioapic_read(IOAPIC_ENTRY_4) >> 8);
	put_field(" svr ", mem_read32(APIC_SPURIOUS));
	put_field(" tpr ", mem_read32(APIC_TPR));
	put_field(" lint0 ", mem_read32(APIC_LINT0));
	outb(PORT_PIT_COMMAND, 0xe2); /* latch the status of channel 0 */
	put_field(" pit ", inb(PORT_PIT) & 0x0f);
	put_field(" pm1 ", inw(PORT_PM1_ENABLE));
	put_field(" cf9 ", inb(PORT_RESET));
	put_field(" clock ", clock);
	put("\n");

	outb(COM1 + UART_IER, 0x05);
	outb(COM1 + UART_LCR, 0x1b);
	outb(COM1 + UART_MCR, 0x03);
	outb(COM1 + UART_SCR, 0x5a);
	pic_open(COM1_IRQ);
	mem_write32(IOAPIC, IOAPIC_ENTRY_4);
	mem_write32(IOAPIC + 0x10, 0x10024);
	mem_write32(APIC_SPURIOUS, 0x1ff);
	mem_write32(APIC_TPR, 0x20);
	mem_write32(APIC_LINT0, 0x10000);
	outb(PORT_PIT_COMMAND, 0x34); /* channel 0, mode 2 */
	outb(PORT_PIT, 0);
	outb(PORT_PIT, 0x10);
	outw(PORT_PM1_ENABLE, 0x0100);
	outb(PORT_RESET, 0x02);
	at_cpl0(write_msr, CLOCK_PAGE | 1);
}

/* --- the table --- */

static const struct {
	const char *name;
	void (*run)(const char *arg);
} actions[] = {
	{"say", do_say},
	{"program", do_program},
	{"sleep", do_sleep},
	{"exit", do_exit},
	{"exit2", do_exit2},
	{"exit4", do_exit4},
	{"poweroff", do_poweroff},
	{"reset", do_reset},
	{"triple", do_triple},
	{"hang", do_hang},
	{"spin", do_spin},
	{"panic", do_panic},
	{"panicend", do_panic_end},
	{"pvpanic", do_pvpanic},
	{"button", do_button},
	{"boots", do_boots},
	{"ram", do_ram},
	{"seed", do_seed},
	{"e820", do_e820},
	{"cmdline", do_cmdline},
	{"initrd", do_initrd},
	{"ports", do_ports},
	{"mmio", do_mmio},
	{"echo", do_echo},
	{"hold", do_hold},
	{"keys", do_keys},
	{"write", do_write},
	{"writeirq", do_write_irq},
	{"smp", do_smp},
	{"rep-reset", do_rep_reset},
	{"rep", do_rep},
	{"tell", do_tell},
	{"status", do_status},
	{"chips", do_chips},
	{"open", do_open},
	{"pci-scan", do_pci_scan},
	{"pci-bars", do_pci_bars},
	{"pci-move", do_pci_move},
	{"pci-refused", do_pci_refused},
	{"pci-race", do_pci_race},
	{"pci-noise", do_pci_noise},
	{"msix-table", do_msix_table},
	{"rng", do_rng},
	{"virtio-rules", do_virtio_rules},
	{"virtio-noise", do_virtio_noise},
	{"blk-rules", do_blk_rules},
	{"blk-noise", do_blk_noise},
	{"blk-fill-reset", do_blk_fill_reset},
	{"blk-fill", do_blk_fill},
	{"blk-flood", do_blk_flood},
	{"balloon", do_balloon},
	{"balloon-noise", do_balloon_noise},
	{"balloon-asked", do_balloon_asked},
	{"registers", do_registers},
	{"nmi", do_nmi},
};

static void do_word(const char *word)
{
	for (u32 i = 0; i < ARRAY_SIZE(actions); i++) {
		if (word_is(word, actions[i].name)) {
			actions[i].run(word_argument(word));
			return;
		}
	}
	put("bad: unknown action\n");
	outb(PORT_EXIT, STATUS_USAGE);
}

void payload_main(void)
{
	const char *at = command_line();

	for (u8 *byte = bss_start; byte < bss_end; byte++)
		*byte = 0;
	while (*at) {
		while (*at == ' ')
			at++;
		if (at[0] == 'd' && at[1] == 'o' && at[2] == '=')
			do_word(at + 3);
		while (*at && *at != ' ')
			at++;
	}
	spin();
}
