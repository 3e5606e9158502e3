// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds a kernel when the user names none.
 *
 * First a build tree, if the current folder is its root, arch/x86/boot, or a folder two levels
 * below the root: a developer wants the kernel that was just built. Then the kernel that runs on
 * this machine, at each place where a distribution installs it:
 *
 * - /boot/vmlinuz-RELEASE: Debian, Ubuntu, Fedora, openSUSE, Void
 * - /lib/modules/RELEASE/vmlinuz: Fedora, Arch, openSUSE
 * - /boot, /efi and /boot/efi, MACHINE-ID/RELEASE/linux: where kernel-install puts entries of the
 *   Boot Loader Specification (Fedora and Arch with systemd-boot)
 * - /boot/vmlinuz-linux: Arch; for its other kernels the file pkgbase beside the modules has
 *   another word than "linux"
 * - /run/booted-system/kernel, then /run/current-system/kernel: NixOS
 *
 * A file that is there but may not be read (Ubuntu installs kernels with mode 0600, an EFI system
 * partition is often closed to users) is skipped if a later one can be read. If the skipped file is
 * in a build tree, a warning says so, because the developer expects the kernel that was built. If
 * no kernel can be read, the error names the first skipped file.
 *
 * Main thread.
 */
#include <kvm/boot-search.h>
#include <kvm/log.h>
#include <kvm/types.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CANDIDATES_MAX 12
#define WORD_MAX       64 /* for a machine's ID or an Arch kernel's name, with NUL */

static struct {
	char paths[CANDIDATES_MAX][PATH_MAX];
	size_t count, of_trees;
} search;

static void search_add(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void search_add(const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(search.paths[search.count], PATH_MAX, fmt, args);
	va_end(args);
	if (len < PATH_MAX)
		search.count++;
}

/* Read the first word of a small file, to use it in a path. False: there is no usable word. */
static bool search_read_word(const char *path, char word[WORD_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t len = fd < 0 ? 0 : read(fd, word, WORD_MAX - 1);

	if (fd >= 0)
		close(fd);
	word[MAX(len, (ssize_t)0)] = '\0';
	word[strcspn(word, " \t\r\n")] = '\0';
	return word[0] && word[0] != '.' && !strchr(word, '/');
}

static void search_list(const char *root, const char *release)
{
	static const char *const boots[] = {"/boot", "/efi", "/boot/efi"};
	char path[PATH_MAX], id[WORD_MAX], base[WORD_MAX];

	search.count = 0;
	search_add("bzImage");
	search_add("arch/x86/boot/bzImage");
	search_add("../../arch/x86/boot/bzImage");
	search.of_trees = search.count;
	search_add("%s/boot/vmlinuz-%s", root, release);
	search_add("%s/lib/modules/%s/vmlinuz", root, release);
	snprintf(path, sizeof(path), "%s/etc/machine-id", root);
	for (size_t i = 0; i < ARRAY_SIZE(boots) && search_read_word(path, id); i++)
		search_add("%s%s/%s/%s/linux", root, boots[i], id, release);
	snprintf(path, sizeof(path), "%s/lib/modules/%s/pkgbase", root, release);
	search_add("%s/boot/vmlinuz-%s", root, search_read_word(path, base) ? base : "linux");
	search_add("%s/run/booted-system/kernel", root);
	search_add("%s/run/current-system/kernel", root);
}

/* 0: a file that can be read. -ENOENT: missing, or not a regular file. Else another -errno. */
static int search_try(const char *path)
{
	int err, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	err = fstat(fd, &st) || !S_ISREG(st.st_mode) ? -ENOENT : 0;
	close(fd);
	return err;
}

static void search_say_unreadable(const char *path, int err)
{
	struct stat st;

	if (err != -EACCES)
		log_error("kernel %s: cannot be read: %s; --kernel FILE names another", path,
			  strerror(-err));
	else if (stat(path, &st) < 0)
		log_error(
			"kernel %s: this user may not look into its folder, so lkvm cannot tell "
			"whether it exists; use --kernel FILE with a copy that this user may read",
			path);
	else
		log_error("kernel %s: has mode %04o, so that this user may not read it; as root, "
			  "'chmod +r %s' allows it, or --kernel FILE names another",
			  path, st.st_mode & 07777, path);
}

static void search_say_nothing(void)
{
	char list[800];
	size_t len = 0;

	for (size_t i = 0; i < search.count && len < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
					search.paths[i]);
	log_error("no kernel: --kernel FILE names one; none of these is there: %s", list);
}

const char *kernel_search(const char *root, const char *release)
{
	size_t unreadable = CANDIDATES_MAX;
	int why = 0;

	search_list(root, release);
	for (size_t i = 0; i < search.count; i++) {
		int err = search_try(search.paths[i]);

		if (!err && unreadable < search.of_trees)
			log_warn("kernel %s: %s; using %s instead", search.paths[unreadable],
				 strerror(-why), search.paths[i]);
		if (!err)
			return search.paths[i];
		if (err != -ENOENT && unreadable == CANDIDATES_MAX) {
			unreadable = i;
			why = err;
		}
	}
	if (why)
		search_say_unreadable(search.paths[unreadable], why);
	else
		search_say_nothing();
	return NULL;
}
