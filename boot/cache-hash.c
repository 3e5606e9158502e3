// SPDX-License-Identifier: GPL-2.0-only
/*
 * The name of a cache entry: BLAKE2b-256 of the packed kernel, by libsodium.
 *
 * Without libsodium this file is not built and nothing is kept in the cache. The hash is computed
 * in pieces, so that a signal or --timeout can end a long start.
 *
 * Main thread. Spec: RFC 7693 (BLAKE2).
 */
#include "cache-parts.h"

#include <kvm/cancel.h>
#include <kvm/feature.h>
#include <kvm/util.h>

#include <errno.h>
#include <sodium.h>

#define PIECE_BYTES MIB

int cache_hash(const u8 *data, u64 bytes, u8 hash[CACHE_HASH_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, CACHE_HASH_BYTES);
	for (u64 at = 0; at < bytes; at += PIECE_BYTES) {
		if (cancel_check())
			return -ECANCELED;
		crypto_generichash_update(&state, data + at, MIN(bytes - at, PIECE_BYTES));
	}
	crypto_generichash_final(&state, hash, CACHE_HASH_BYTES);
	return 0;
}

FEATURE(cache);
