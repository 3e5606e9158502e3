/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The numbers of the machine: every guest-physical address, port and interrupt line, in one place.
 * No other file defines such a number. The board (board.c) gives them to the chips; only x86/,
 * firmware/ and boot/image.c include this file.
 */
#ifndef X86_LAYOUT_H
#define X86_LAYOUT_H

/* --- guest-physical memory --- */
#define LAYOUT_GDT	    0x500  /* four descriptors for the 64-bit entry */
#define LAYOUT_BOOT_INFO    0x6000 /* PVH or multiboot information, one page */
#define LAYOUT_ZERO_PAGE    0x7000 /* struct boot_params, one page */
#define LAYOUT_PAGE_TABLES  0x9000 /* PML4, PDPT, four page directories: 6 pages */
#define LAYOUT_BOOT_STACK   0x8ff0
#define LAYOUT_SETUP_DATA   0xf000  /* RNG seed */
#define LAYOUT_CMDLINE	    0x20000 /* up to 64 KiB */
#define LAYOUT_CMDLINE_MAX  0x10000
#define LAYOUT_FLAT	    0x10000 /* a flat image; its segment begins there */
#define LAYOUT_FLAT_STACK   0x8000  /* in its segment */
#define LAYOUT_FLAT_END	    0x90000
#define LAYOUT_SETUP	    0x90000 /* set-up code of a bzImage for the 16-bit entry */
#define LAYOUT_SETUP_HEAP   0x9e000 /* its heap and stack end, its command line begins */
#define LAYOUT_EBDA	    0x9fc00 /* end of usable low memory */
#define LAYOUT_EBDA_END	    0xa0000
#define LAYOUT_ACPI	    0xe0000 /* RSDP first, then the tables */
#define LAYOUT_ACPI_END	    0xf0000
#define LAYOUT_FIRMWARE	    0xf0000 /* tables that kernels search for here; reserved: */
#define LAYOUT_SMBIOS	    0xf0000 /* entry point first, then the structures */
#define LAYOUT_SMBIOS_END   0xf4000
#define LAYOUT_MPTABLE	    0xf4000 /* floating pointer first, then the configuration table */
#define LAYOUT_MPTABLE_END  0xf8000
#define LAYOUT_VMGENID	    0xfb000 /* 16 bytes in a separate page */
#define LAYOUT_FIRMWARE_END 0x100000
#define LAYOUT_KERNEL_MIN   0x100000
#define LAYOUT_RAM_HOLE	    0xc0000000ULL /* RAM ends here and continues at 4 GiB */
#define LAYOUT_RAM_HIGH	    0x100000000ULL
#define LAYOUT_PCI_MMIO	    LAYOUT_RAM_HOLE /* range for PCI's memory BARs, up to ... */
#define LAYOUT_PCI_MMIO_END LAYOUT_ECAM
#define LAYOUT_ECAM	    0xfea00000ULL /* PCI configuration space, 1 MiB: bus 0 */
#define LAYOUT_ECAM_BYTES   0x100000
#define LAYOUT_VIRTIO_MMIO  0xfebf8000ULL /* virtio-mmio's windows, up to the IOAPIC */
#define LAYOUT_VIRTIO_BYTES 512		  /* bytes of a window */
#define LAYOUT_VIRTIO_COUNT 64
#define LAYOUT_IOAPIC	    0xfec00000ULL
#define LAYOUT_HPET	    0xfed00000ULL /* no HPET: kernels without tables probe here */
#define LAYOUT_LAPIC	    0xfee00000ULL
#define LAYOUT_IDENTITY_MAP 0xfeffc000ULL /* one page that KVM uses in real mode on Intel */
#define LAYOUT_TSS	    0xfeffd000ULL /* three pages, same purpose */
#define LAYOUT_TSS_BYTES    0x3000

/* --- guest-physical memory for real-mode code (x86/bios.c) --- */
#define LAYOUT_IVT	  0x0	  /* 256 interrupt vectors */
#define LAYOUT_BDA	  0x400	  /* BIOS data area, 256 bytes */
#define LAYOUT_BIOS	  0xfc000 /* the code of the BIOS services */
#define LAYOUT_BIOS_RESET 0xffff0 /* the target of a jump to FFFF:0000 */
#define LAYOUT_BIOS_END	  0x100000
#define BIOS_SEGMENT	  0xf000 /* the code's CS */

/* --- ports --- */
#define PORT_I8042_DATA	      0x60
#define PORT_I8042_COMMAND    0x64
#define PORT_RTC	      0x70
#define PORT_SYSTEM_A	      0x92
#define PORT_EXIT	      0xf4
#define PORT_COM1	      0x3f8
#define PORT_COM2	      0x2f8
#define PORT_COM3	      0x3e8
#define PORT_COM4	      0x2e8
#define PORT_PVPANIC	      0x505
#define PORT_ACPI_PM1_EVENT   0x600 /* status, enable: 2 bytes each */
#define PORT_ACPI_PM1_CONTROL 0x604 /* 2 bytes */
#define PORT_PCI_CONFIG	      0xcf8 /* CONFIG_ADDRESS: 4 bytes */
#define PORT_RESET	      0xcf9 /* inside CONFIG_ADDRESS: see pci/pci.c */
#define PORT_PCI_DATA	      0xcfc /* CONFIG_DATA: 4 bytes */
#define PORT_PCI_END	      0xd00
#define PORT_MOTHERBOARD_END  0x100  /* KVM's own chips are below: no BAR may be there */
#define PORT_PCI_IO	      0x1000 /* range of PCI's port BARs at power-on, up to ... */
#define PORT_PCI_IO_END	      0x10000

/* --- interrupt lines (GSIs) --- */
#define GSI_PIT	      2 /* where the timer's ISA interrupt 0 arrives */
#define GSI_COM1      4
#define GSI_COM2      3
#define GSI_RTC	      8
#define GSI_ACPI      9
#define GSI_PCI	      16 /* the first of the lines shared by PCI's interrupt pins ... */
#define GSI_PCI_COUNT 8	 /* ... and by virtio-mmio's windows */
#define GSI_ISA_SHARED        \
	{                     \
		5, 10, 11, 15 \
	} /* used instead of these lines by a kernel that uses only the PICs */

/* --- PCI bus 0: device number << 3 | function number --- */
#define PCI_DEVFN_HOST_BRIDGE 0x00
#define PCI_DEVFN_RNG	      0x08
#define PCI_DEVFN_BALLOON     0x10
#define PCI_DEVFN_CONSOLE     0x18
#define PCI_DEVFN_DISK	      0x20 /* the first one: functions of devices 4 to 7 */
#define PCI_DEVFN_DISKS	      32
#define PCI_DEVFN_OTHER	      0x40 /* devices without a fixed number: device 8 and up */

/* --- ACPI values --- */
#define ACPI_S5_SLP_TYP 5    /* value in \_S5 and for the PM1 control register */
#define RESET_VALUE	0x06 /* written to PORT_RESET: full reset */
#define CMOS_CENTURY	0x32 /* address of the century in the RTC's RAM */

#endif
