// SPDX-License-Identifier: GPL-2.0-only
/*
 * json: one value of a JSON file, for shell scripts.
 *
 *   json FILE NAME[.NAME...]
 *
 * Prints a string as it is, a number, true, false or null, each element of an array on a line of
 * its own, and the names of an object. A number after a dot is an array's index, -1 its last
 * element. Status 1: not valid JSON, or no such value (one line says which).
 *
 * Spec: RFC 8259.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_value(const json_t *value)
{
	const char *key;
	json_t *item;
	size_t index;

	switch (json_typeof(value)) {
	case JSON_STRING:
		fwrite(json_string_value(value), 1, json_string_length(value), stdout);
		putchar('\n');
		break;
	case JSON_INTEGER:
		printf("%lld\n", (long long)json_integer_value(value));
		break;
	case JSON_REAL:
		printf("%.3f\n", json_real_value(value));
		break;
	case JSON_ARRAY:
		json_array_foreach(value, index, item) print_value(item);
		break;
	case JSON_OBJECT:
		json_object_foreach((json_t *)value, key, item) puts(key);
		break;
	default:
		puts(json_is_null(value) ? "null" : json_is_true(value) ? "true" : "false");
	}
}

int main(int argc, char **argv)
{
	json_error_t error;
	json_t *value;

	if (argc != 3)
		return 2;
	value = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error);
	if (!value) {
		fprintf(stderr, "json: %s:%d: %s\n", argv[1], error.line, error.text);
		return 1;
	}
	for (char *name = strtok(argv[2], "."); name && value; name = strtok(NULL, ".")) {
		long index = strtol(name, NULL, 10);

		if (json_is_array(value))
			value = json_array_get(value, index >= 0 ? (size_t)index
								 : json_array_size(value) + index);
		else
			value = json_object_get(value, name);
		if (!value)
			fprintf(stderr, "json: %s: no %s\n", argv[1], name);
	}
	if (!value)
		return 1;
	print_value(value);
	return 0;
}
