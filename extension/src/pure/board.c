/*
 * board.c
 *		Blocks of packed persons: written, walked, merged, cut.  The layout is in board.h.
 *
 * Called by report: the worker keeps blocks by these, boards walk them.
 */
#include "pure/board.h"

#include "pure/varint.h"

_Static_assert(sizeof(CrmBoardHead) == 56 && sizeof(CrmBoardVisit) == 16, "heads and wide visits are kept as they lie in memory");

size_t
crm_board_room(size_t n_scope, size_t n_changes, size_t n_visits)
{
	return sizeof(CrmBoardHead) + (2 + n_scope + 2 * n_changes) * CRM_VARINT_MAX + n_visits * sizeof(CrmBoardVisit);
}

static bool
fits_narrow(const CrmBoardVisit *visit)
{
	return visit->day >= 0 && visit->day <= 0xffff && visit->store >= 0 && visit->store <= 0xfff &&
		visit->net_minor >= -(INT64_C(1) << 35) && visit->net_minor < INT64_C(1) << 35;
}

static uint8_t *
put_visit(uint8_t *at, const CrmBoardVisit *visit, bool is_wide)
{
	uint64_t	packed = (uint64_t) visit->net_minor << 28 | (uint64_t) visit->store << 16 | (uint64_t) visit->day;

	memcpy(at, is_wide ? (const void *) visit : &packed, is_wide ? sizeof *visit : sizeof packed);
	return at + (is_wide ? sizeof *visit : sizeof packed);
}

size_t
crm_board_write(uint8_t *bytes, CrmBoardHead head, const int32_t *scope, size_t n_scope,
				const CrmBoardChange *changes, size_t n_changes, const CrmBoardVisit *visits, size_t n_visits)
{
	uint8_t    *at = bytes + sizeof head;
	int32_t		before = 0;

	at = crm_varint_put(at, n_scope);
	for (size_t i = 0; i < n_scope; i++)
		at = crm_varint_put(at, (uint32_t) scope[i]);
	at = crm_varint_put(at, n_changes);
	for (size_t i = 0; i < n_changes; i++)
	{
		at = crm_varint_put(at, crm_varint_fold((int64_t) changes[i].day - before));
		at = crm_varint_put(at, (uint32_t) changes[i].tier);
		before = changes[i].day;
	}
	head.visits_at = (uint32_t) (at - bytes);
	head.store_bits = 0;
	head.first_day = INT32_MAX;
	head.last_day = INT32_MIN;
	head.flags &= (uint8_t) ~CRM_BOARD_WIDE;
	for (size_t i = 0; i < n_visits; i++)
		if (!fits_narrow(&visits[i]))
			head.flags |= CRM_BOARD_WIDE;
	for (size_t i = 0; i < n_visits; i++)
	{
		at = put_visit(at, &visits[i], (head.flags & CRM_BOARD_WIDE) != 0);
		head.store_bits |= UINT64_C(1) << (visits[i].store & 63);
		if (visits[i].net_minor > 0)
		{
			head.first_day = head.first_day < visits[i].day ? head.first_day : visits[i].day;
			head.last_day = visits[i].day;
		}
	}
	head.length = (uint32_t) (at - bytes);
	memcpy(bytes, &head, sizeof head);
	return head.length;
}

void
crm_board_begin(CrmBoardWalk *walk, const uint8_t *bytes, size_t length)
{
	memset(walk, 0, sizeof *walk);
	walk->at = bytes;
	walk->end = bytes + length;
}

bool
crm_board_next(CrmBoardWalk *walk)
{
	size_t		left = (size_t) (walk->end - walk->at);

	if (left == 0 || walk->is_damaged)
		return false;
	if (left >= sizeof walk->head)
		memcpy(&walk->head, walk->at, sizeof walk->head);
	if (left < sizeof walk->head || walk->head.length > left || walk->head.length < sizeof walk->head + 2 ||
		walk->head.visits_at > walk->head.length || walk->head.visits_at < sizeof walk->head + 2 ||
		(walk->head.length - walk->head.visits_at) % ((walk->head.flags & CRM_BOARD_WIDE) != 0 ? 16 : 8) != 0)
	{
		walk->is_damaged = true;
		return false;
	}
	walk->record = walk->at;
	walk->at += walk->head.length;
	return true;
}

/* Reads one number of the person's record. */
static inline bool
take(const uint8_t **at, const uint8_t *end, uint64_t *value, CrmBoardWalk *person)
{
	if (crm_varint_take(at, end, value))
		return true;
	person->is_damaged = true;
	return false;
}

void
crm_board_scope_begin(CrmBoardScope *scope, CrmBoardWalk *person)
{
	scope->at = person->record + sizeof person->head;
	scope->end = person->record + person->head.visits_at;
	scope->left = 0;
	take(&scope->at, scope->end, &scope->left, person);
}

bool
crm_board_scope_next(CrmBoardScope *scope, CrmBoardWalk *person)
{
	uint64_t	store;

	if (scope->left == 0 || !take(&scope->at, scope->end, &store, person))
		return false;
	scope->left--;
	scope->store = (int32_t) store;
	return true;
}

void
crm_board_changes_begin(CrmBoardChanges *changes, const CrmBoardScope *scope, CrmBoardWalk *person)
{
	memset(changes, 0, sizeof *changes);
	changes->at = scope->at;
	changes->end = scope->end;
	take(&changes->at, changes->end, &changes->left, person);
}

bool
crm_board_changes_next(CrmBoardChanges *changes, CrmBoardWalk *person)
{
	uint64_t	gap;
	uint64_t	tier;

	if (changes->left == 0 || !take(&changes->at, changes->end, &gap, person) || !take(&changes->at, changes->end, &tier, person))
		return false;
	changes->left--;
	changes->change.day = (int32_t) ((uint64_t) changes->change.day + (uint64_t) crm_varint_unfold(gap));
	changes->change.tier = (int32_t) tier;
	return true;
}

int64_t
crm_board_merge(const uint8_t *kept, size_t kept_length, const int64_t *gone, size_t n_gone,
				const uint8_t *fresh, size_t fresh_length, uint8_t *out)
{
	CrmBoardWalk old;
	CrmBoardWalk new;
	bool		has_old;
	bool		has_new;
	size_t		skipped = 0;
	uint8_t    *at = out;

	crm_board_begin(&old, kept, kept_length);
	crm_board_begin(&new, fresh, fresh_length);
	has_old = crm_board_next(&old);
	has_new = crm_board_next(&new);
	while (has_old || has_new)
	{
		bool		takes_old = has_old && (!has_new || old.head.person < new.head.person);
		CrmBoardWalk *from = takes_old ? &old : &new;

		/* a person who is both kept and fresh is fresh */
		if (has_old && has_new && old.head.person == new.head.person)
			has_old = crm_board_next(&old);
		while (takes_old && skipped < n_gone && gone[skipped] < old.head.person)
			skipped++;
		if (!takes_old || skipped == n_gone || gone[skipped] != old.head.person)
		{
			memcpy(at, from->record, from->head.length);
			at += from->head.length;
		}
		if (takes_old)
			has_old = crm_board_next(&old);
		else
			has_new = crm_board_next(&new);
	}
	return old.is_damaged || new.is_damaged ? -1 : (int64_t) (at - out);
}

size_t
crm_board_cut(const uint8_t *bytes, size_t length, bool grows_at_end)
{
	size_t		pieces = (length + CRM_BOARD_BLOCK_BYTES - 1) / CRM_BOARD_BLOCK_BYTES;
	size_t		most = grows_at_end || pieces == 0 ? CRM_BOARD_BLOCK_BYTES : (length + pieces - 1) / pieces;
	CrmBoardWalk walk;
	size_t		used = 0;

	if (length <= CRM_BOARD_BLOCK_BYTES)
		return length;
	crm_board_begin(&walk, bytes, length);
	while (crm_board_next(&walk) && (used == 0 || used + walk.head.length <= most))
		used += walk.head.length;
	return used > 0 ? used : length;
}
