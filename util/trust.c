// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can another user change what a path leads to?
 *
 * lkvm also uses files that the user did not name, because they are beside a file that he named:
 * for a kernel in /tmp, the modules in /tmp/lib/modules. These files become part of a guest. So
 * each folder on the way must belong to a user whom the caller trusts anyway: root, the caller, or
 * the owner of the file that was named.
 *
 * A user who may write to a folder can replace every file in it. In a sticky folder (/tmp) he can
 * replace only his own files, and the owner of the file is checked next. A group with one member,
 * which many distributions give each user, counts as that user: it is the owner's group in
 * /etc/passwd.
 *
 * Only the owner of a symbolic link can change it, and the mode of a link means nothing. The
 * folders that a link leads to are checked when the caller gives the real path, too.
 *
 * Main thread; no state. After the check only trusted users can change the result.
 */
#include <kvm/trust.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * True if the group is the owner's own. Reads /etc/passwd, because getpwuid() needs shared
 * libraries, which a static binary does not have.
 */
static bool trust_is_own_group(uid_t owner, gid_t group)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *user = NULL;
	bool own = owner == 0 ? group == 0 : owner == geteuid() && group == getegid();

	while (!own && file && (user = fgetpwent(file)) && user->pw_uid != owner)
		;
	own = own || (user && user->pw_gid == group);
	if (file)
		fclose(file);
	return own;
}

/* NULL if the file is trusted; else the reason why not. */
static const char *trust_refuses(const struct stat *st, uid_t also)
{
	bool sticky = S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX;

	if (st->st_uid != 0 && st->st_uid != geteuid() && st->st_uid != also)
		return "belongs to another user";
	if (S_ISLNK(st->st_mode) || sticky)
		return NULL;
	if (st->st_mode & S_IWOTH)
		return "is writable for everyone";
	if (st->st_mode & S_IWGRP && !trust_is_own_group(st->st_uid, st->st_gid))
		return "is writable for a group";
	return NULL;
}

/* Check the first `len` bytes of problem->path, which on failure is cut off there. */
static int trust_look(struct trust_problem *problem, size_t len, uid_t also)
{
	char *path = problem->path, after = path[len];
	struct stat st;
	int err = 0;

	path[len] = '\0';
	if (lstat(path, &st) < 0)
		err = -errno;
	else
		problem->why = trust_refuses(&st, also);
	if (!err && problem->why)
		err = -EPERM;
	if (!err)
		path[len] = after;
	return err;
}

static int trust_make_absolute(const char *path, size_t *skip, struct trust_problem *problem)
{
	char here[PATH_MAX] = "";
	int len;

	if (path[0] != '/' && !getcwd(here, sizeof(here)))
		return -errno;
	len = snprintf(problem->path, sizeof(problem->path), "%s%s%s", here, here[0] ? "/" : "",
		       path);
	if (*skip)
		*skip += (size_t)len - strlen(path);
	return len >= (int)sizeof(problem->path) ? -ENAMETOOLONG : 0;
}

int trust_check(const char *path, size_t skip, uid_t also, struct trust_problem *problem)
{
	int err = trust_make_absolute(path, &skip, problem);
	size_t at;

	problem->why = NULL;
	if (!err && !skip)
		err = trust_look(problem, 1, also);
	at = MAX(skip, (size_t)1);
	while (!err && problem->path[at]) {
		at += strspn(problem->path + at, "/");
		at += strcspn(problem->path + at, "/");
		err = trust_look(problem, at, also);
	}
	return err;
}
