/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first include of each unit test: cmocka, and the headers that cmocka needs before it.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka gives each test a state; most tests do not need it. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#endif
