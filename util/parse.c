// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers as users type them: plain, sizes, durations, lists of CPUs.
 *
 * strtoull(3) skips blanks, accepts "-1" as a large number and reads "010" as eight; none of that
 * is wanted from a command line. Each step of the arithmetic is checked for overflow. A parser
 * accepts the whole text or nothing: after the number there must be a known suffix, or the end.
 *
 * -EINVAL: the text does not have the form. -ERANGE: it has, but the value does not fit 64 bits.
 * The result is written on success only.
 *
 * Any thread may call; options.c does, and modules that parse an argument themselves
 * (--cpu-affinity, the sub-options of --disk).
 *
 * Durations are computed in integers: a fraction is worth its digits times the
 * unit, digits below one nanosecond are dropped.
 *
 * Left out on purpose: fractions of a size (1.5G is 1536M), bytes as a unit, and
 * powers of ten. Memory comes in pages.
 */
#include <errno.h>
#include <kvm/options.h>
#include <string.h>

static int parse_digit(char c, unsigned int base)
{
	unsigned int digit = 16;

	if (c >= '0' && c <= '9')
		digit = c - '0';
	else if (c >= 'a' && c <= 'f')
		digit = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		digit = c - 'A' + 10;
	return digit < base ? (int)digit : -1;
}

/* Read all digits, at least one, and move *text after them. */
static int parse_digits(const char **text, unsigned int base, u64 *value)
{
	u64 sum = 0;
	int digit = parse_digit(**text, base);

	if (digit < 0)
		return -EINVAL;
	for (; digit >= 0; digit = parse_digit(*++*text, base)) {
		if (__builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum))
			return -ERANGE;
	}
	*value = sum;
	return 0;
}

int parse_u64(const char *text, u64 *value)
{
	unsigned int base = 10;
	u64 number;
	int err;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	err = parse_digits(&text, base, &number);
	if (err)
		return err;
	if (*text)
		return -EINVAL;
	*value = number;
	return 0;
}

static u64 parse_size_unit(const char *suffix, u64 bare_unit)
{
	static const char letters[] = "KMGT";
	const char *letter;

	if (!suffix[0])
		return bare_unit;
	letter = strchr(letters, suffix[0] & ~0x20); /* upper case */
	if (!letter || !*letter || suffix[1])
		return 0;
	return KIB << 10 * (letter - letters);
}

int parse_size(const char *text, u64 unit, u64 *bytes)
{
	u64 number;
	int err = parse_digits(&text, 10, &number);

	if (err)
		return err;
	unit = parse_size_unit(text, unit);
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(number, unit, &number))
		return -ERANGE;
	*bytes = number;
	return 0;
}

static u64 parse_duration_unit(const char *suffix)
{
	static const struct {
		const char *suffix;
		u64 ns;
	} units[] = {
		{"", NSEC_PER_SEC},	  {"s", NSEC_PER_SEC},		 {"ms", NSEC_PER_MSEC},
		{"m", 60 * NSEC_PER_SEC}, {"h", 60 * 60 * NSEC_PER_SEC},
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!strcmp(suffix, units[i].suffix))
			return units[i].ns;
	}
	return 0;
}

int parse_duration(const char *text, u64 *ns)
{
	const char *fraction = "";
	u64 total, unit;
	int err = parse_digits(&text, 10, &total);

	if (err)
		return err;
	if (*text == '.') {
		fraction = ++text;
		while (parse_digit(*text, 10) >= 0)
			text++;
		if (text == fraction)
			return -EINVAL;
	}
	unit = parse_duration_unit(text);
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(total, unit, &total))
		return -ERANGE;
	/* The loop ends at the suffix, which was checked above. */
	for (int digit; (digit = parse_digit(*fraction, 10)) >= 0; fraction++) {
		unit /= 10;
		if (__builtin_add_overflow(total, digit * unit, &total))
			return -ERANGE;
	}
	*ns = total;
	return 0;
}

int parse_list(const char *text, u64 max, int (*fn)(u64 value, void *arg), void *arg)
{
	u64 first, last;
	int err;

	do {
		err = parse_digits(&text, 10, &first);
		if (err)
			return err;
		last = first;
		if (*text == '-') {
			text++;
			err = parse_digits(&text, 10, &last);
			if (err)
				return err;
		}
		if (last < first || (*text && *text != ','))
			return -EINVAL;
		if (last > max)
			return -ERANGE;
		/* Not "value <= last": last may be the largest number there is. */
		for (u64 value = first; !err; value++) {
			err = fn(value, arg);
			if (value == last)
				break;
		}
		if (err)
			return err;
	} while (*text++ == ',');
	return 0;
}
