/*
 * unit_board.c - blocks of packed persons: narrow and wide visits read as written, merges and cuts
 * against plain lists, questions against a count by hand, damaged bytes.
 */
#include "tap.h"
#include "pure/board.h"

#define MANY 300

static uint64_t seed = 20260615;

static int64_t
pick(int64_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (int64_t) ((seed >> 33) % (uint64_t) below);
}

/* A person with n visits, one every gap days from first, all in one store. */
static size_t
write_person(uint8_t *at, int64_t person, int32_t first, int gap, int n, int32_t store, int64_t net)
{
	CrmBoardVisit visits[40];
	int32_t		scope[] = {store};
	CrmBoardChange changes[] = {{first, 0}, {first + 10, 2}};
	CrmBoardHead head = {.person = person, .flags = CRM_BOARD_ACTIVE, .registered_on = first, .tier = 1, .r = 5, .f = 4, .net_minor = n * net};

	for (int i = 0; i < n; i++)
		visits[i] = (CrmBoardVisit) {first + i * gap, store, net};
	return crm_board_write(at, head, scope, 1, changes, 2, visits, (size_t) n);
}

static void
test_record(void)
{
	static const CrmBoardVisit narrow[] = {{0, 0, -1}, {9000, 7, 1250}, {9000, 4095, INT64_C(34359738367)}, {65535, 1, 1}};
	static const CrmBoardVisit wide[] = {{-1, 0, 5}, {70000, 5000, INT64_C(-400000000000)}};
	int32_t		scope[] = {3, 300};
	CrmBoardChange changes[] = {{9000, 0}, {9100, 150}};
	uint8_t		bytes[1000];
	size_t		length = crm_board_write(bytes, (CrmBoardHead) {.person = 42, .registered_on = 8999, .tier = 1}, scope, 2, changes, 2, narrow, 4);
	CrmBoardWalk walk;
	CrmBoardScope stores;
	CrmBoardChanges moves;
	CrmBoardVisits visits;

	ok(length <= crm_board_room(2, 2, 4), "a record fits its room");
	length += crm_board_write(bytes + length, (CrmBoardHead) {.person = 43}, NULL, 0, NULL, 0, wide, 2);
	crm_board_begin(&walk, bytes, length);
	ok(crm_board_next(&walk) && walk.head.person == 42 && walk.head.registered_on == 8999, "the first person");
	crm_board_scope_begin(&stores, &walk);
	ok(crm_board_scope_next(&stores, &walk) && stores.store == 3 && crm_board_scope_next(&stores, &walk) && stores.store == 300 &&
	   !crm_board_scope_next(&stores, &walk), "stores as written");
	crm_board_changes_begin(&moves, &stores, &walk);
	ok(crm_board_changes_next(&moves, &walk) && moves.change.day == 9000 && crm_board_changes_next(&moves, &walk) && moves.change.day == 9100 &&
	   moves.change.tier == 150 && !crm_board_changes_next(&moves, &walk), "changes as written");
	visits = crm_board_visits(&walk);
	is_int(visits.n, 4, "four visits in eight bytes each");
	for (int i = 0; i < 4; i++)
	{
		CrmBoardVisit visit = crm_board_visit(&visits, i);

		ok(memcmp(&visit, &narrow[i], sizeof visit) == 0, "a narrow visit as written");
	}
	is_int(walk.head.first_day, 9000, "the first day with something bought");
	is_int(walk.head.last_day, 65535, "and the last");
	ok(crm_board_next(&walk) && walk.head.person == 43, "the second person");
	visits = crm_board_visits(&walk);
	is_int(visits.n, 2, "two visits in sixteen");
	for (int i = 0; i < 2; i++)
	{
		CrmBoardVisit visit = crm_board_visit(&visits, i);

		ok(memcmp(&visit, &wide[i], sizeof visit) == 0, "a wide visit as written");
	}
	ok(!crm_board_next(&walk) && !walk.is_damaged, "and the end");
}

/* Persons put into and taken out of a block, and cut, against a list of who is there. */
static void
test_merge(void)
{
	static uint8_t block[MANY * 600];
	static uint8_t next[MANY * 600];
	static uint8_t fresh[MANY * 600];
	int			visits_of[MANY] = {0};
	size_t		length = 0;

	for (int turn = 0; turn < 200; turn++)
	{
		int64_t		gone[MANY];
		size_t		n_gone = 0;
		size_t		fresh_length = 0;
		int64_t		merged;

		for (int i = 1; i < MANY; i++)
		{
			if (pick(10) > 0)
				continue;
			gone[n_gone++] = i;
			visits_of[i] = (int) pick(30);
			if (visits_of[i] > 0)
				fresh_length += write_person(fresh + fresh_length, i, 9000, 3, visits_of[i], 1, 100);
		}
		merged = crm_board_merge(block, length, gone, n_gone, fresh, fresh_length, next);
		memcpy(block, next, (size_t) merged);
		length = (size_t) merged;
	}
	for (int pass = 0; pass < 2; pass++)
	{
		size_t		used = 0;
		int64_t		last = 0;
		int			wrong = 0;
		int			crowded = 0;
		int			found = 0;
		int			there = 0;

		while (used < length)
		{
			size_t		piece = crm_board_cut(block + used, length - used, pass == 1);
			CrmBoardWalk walk;

			crowded += piece > CRM_BOARD_BLOCK_BYTES;
			crm_board_begin(&walk, block + used, piece);
			while (crm_board_next(&walk))
			{
				CrmBoardVisits visits = crm_board_visits(&walk);

				wrong += walk.head.person <= last || visits.n != visits_of[walk.head.person];
				last = walk.head.person;
				found++;
			}
			wrong += walk.is_damaged;
			used += piece;
		}
		for (int i = 1; i < MANY; i++)
			there += visits_of[i] > 0;
		is_int(wrong, 0, "after 200 merges each is there once, in order, as last written");
		is_int(found, there, "and nobody else");
		is_int(crowded, 0, "in pieces that are not too long");
	}
}

static int64_t
ask(const uint8_t *bytes, size_t length, CrmBoardQuestion question, int64_t cell)
{
	static int64_t sums[20000];
	CrmBoardCells cells = {.sums = sums};
	CrmBoardCells one = {.wanted = &cell, .n_wanted = 1};
	CrmBoardWalk walk;
	int64_t		n = 0;

	memset(sums, 0, sizeof sums);
	question.tiers = 7;
	if (crm_board_cells(&question) < 0)
		return -1;
	crm_board_begin(&walk, bytes, length);
	while (crm_board_next(&walk))
	{
		one.is_met = false;
		crm_board_ask(&question, &walk, &cells);
		crm_board_ask(&question, &walk, &one);
		n += one.is_met;
	}
	/* what counts persons lists as many */
	if (!(question.kind == CRM_BOARD_SPAN && cell == CRM_BOARD_NET) && n != sums[cell])
		return -2;
	return sums[cell];
}

static void
test_questions(void)
{
	uint8_t		bytes[4000];
	size_t		length = 0;
	int32_t		span[] = {9060, 9090};
	int32_t		today[] = {9399};
	int32_t		months[] = {9000, 9030, 9060, 9090};
	int32_t		bad[] = {9090, 9060};
	int32_t		stores[] = {1, 65};
	CrmBoardQuestion chain = {.kind = CRM_BOARD_SPAN, .marks = span, .n_marks = 2};
	CrmBoardQuestion some = {.kind = CRM_BOARD_SPAN, .marks = span, .n_marks = 2, .stores = stores, .n_stores = 2, .store_bits = 2};
	int32_t		longer[] = {9040, 9090};
	int32_t		three[] = {1, 2, 65};
	int32_t		places[] = {1, 0, 0};
	CrmBoardQuestion groups = {.kind = CRM_BOARD_GROUPS, .marks = longer, .n_marks = 2, .stores = three, .n_stores = 3, .store_bits = 6, .groups = places, .n_groups = 2};
	CrmBoardQuestion cohorts = {.kind = CRM_BOARD_COHORTS, .marks = months, .n_marks = 4};
	CrmBoardQuestion cycle = {.kind = CRM_BOARD_CYCLE, .marks = months, .n_marks = 4};

	length += write_person(bytes + length, 1, 9000, 30, 4, 1, 100);	/* 9000, 9030, 9060, 9090 */
	length += write_person(bytes + length, 2, 9040, 100, 2, 65, 100);	/* 9040, 9140 */
	length += write_person(bytes + length, 3, 8000, 1065, 2, 2, 100);	/* 8000, 9065 */
	length += write_person(bytes + length, 4, 9061, 60, 2, 1, -5);	/* nothing but returns */
	is_int(ask(bytes, length, chain, CRM_BOARD_BUYERS), 2, "buyers of a span: 1 and 3");
	is_int(ask(bytes, length, some, CRM_BOARD_BUYERS), 1, "in stores 1 and 65: 1 alone; store 65 shares a bit with 1");
	is_int(ask(bytes, length, chain, CRM_BOARD_NET), 300, "their net");
	is_int(ask(bytes, length, groups, CRM_BOARD_GROUP_BUYERS), 2, "of stores 2 and 65: 2 and 3");
	is_int(ask(bytes, length, groups, CRM_BOARD_GROUP_REPEAT), 0, "each once");
	is_int(ask(bytes, length, groups, CRM_BOARD_GROUP_CELLS + CRM_BOARD_GROUP_BUYERS), 1, "of store 1: 1 alone, for returns are no order");
	is_int(ask(bytes, length, groups, CRM_BOARD_GROUP_CELLS + CRM_BOARD_GROUP_REPEAT), 1, "who came twice");
	groups.groups = NULL;
	is_int(ask(bytes, length, groups, 0), -1, "groups without any are refused");
	is_int(ask(bytes, length, chain, CRM_BOARD_REPEAT), 1, "1 came twice");
	is_int(ask(bytes, length, chain, CRM_BOARD_LOST), 1, "2 was here before and is lost");
	is_int(ask(bytes, length, cohorts, 0), 1, "the first month's cohort is 1");
	is_int(ask(bytes, length, cohorts, 2), 1, "who was there two months later");
	is_int(ask(bytes, length, cohorts, 9 + 2), 1, "which is the deepest");
	is_int(ask(bytes, length, cohorts, 3), 1, "2 is the second month's");
	is_int(ask(bytes, length, cohorts, 6), 0, "3 bought long before the third");
	is_int(ask(bytes, length, cycle, 0), 1, "new in the second month: 2");
	is_int(ask(bytes, length, cycle, 1), 1, "returning: 1");
	is_int(ask(bytes, length, cycle, 4 + 2), 1, "resurrecting in the third: 3");
	is_int(ask(bytes, length, cycle, 4 + 3), 1, "dormant: 2");
	is_int(ask(bytes, length, (CrmBoardQuestion) {.kind = CRM_BOARD_HEALTH, .marks = today, .n_marks = 1}, CRM_BOARD_REGISTERED), 2, "registered half a year to a year ago: 2 and 4");
	is_int(ask(bytes, length, (CrmBoardQuestion) {.kind = CRM_BOARD_MAP}, 5 * 16 + 4), 4, "all four in one cell of the map");
	is_int(ask(bytes, length, (CrmBoardQuestion) {.kind = CRM_BOARD_MOVES, .marks = months, .n_marks = 1}, 2 * 8 + 1), 1, "from tier 2: 3 alone");
	is_int(ask(bytes, length, (CrmBoardQuestion) {.kind = CRM_BOARD_MOVES, .marks = months, .n_marks = 1}, 7 * 8 + 1), 2, "who was not there then: 2 and 4");
	is_int(ask(bytes, length, (CrmBoardQuestion) {.kind = CRM_BOARD_SCOPE}, 0), 4, "all four are in the chain");
	is_int(ask(bytes, length, (CrmBoardQuestion) {.kind = CRM_BOARD_SCOPE, .stores = stores, .n_stores = 2, .store_bits = 2}, 0), 3, "those in whose scope one of the stores is");
	is_int(ask(bytes, length, (CrmBoardQuestion) {.kind = CRM_BOARD_INDICATORS, .marks = span, .n_marks = 2}, CRM_BOARD_IND_YEAR_BUYERS), 3, "buyers of the year: 1, 2, 3");
	is_int(ask(bytes, length, (CrmBoardQuestion) {.kind = CRM_BOARD_INDICATORS, .marks = span, .n_marks = 2}, CRM_BOARD_IND_YEAR_REPEAT), 1, "who bought again in it");
	is_int(ask(bytes, length, (CrmBoardQuestion) {.kind = CRM_BOARD_SPAN, .marks = bad, .n_marks = 2}, 0), -1, "days out of order are refused");
	is_int(ask(bytes, length, (CrmBoardQuestion) {.kind = 99}, 0), -1, "and questions nobody knows");
}

/* Bytes changed and cut at random: nothing is read outside (the sanitizers look), walks end. */
static void
test_damage(void)
{
	uint8_t		good[2000];
	size_t		length = 0;
	int32_t		marks[] = {8000, 8990, 9200};
	CrmBoardQuestion question = {.kind = CRM_BOARD_COHORTS, .marks = marks, .n_marks = 3, .tiers = 7};
	int			told = 0;

	for (int i = 1; i < 12; i++)
		length += write_person(good + length, i, 9000 + i, 5, i, i, 100);
	for (int turn = 0; turn < 20000; turn++)
	{
		size_t		left = (size_t) pick((int64_t) length) + 1;
		uint8_t    *bytes = malloc(left);
		CrmBoardWalk walk;
		static const int64_t wanted[] = {1, 2};
		CrmBoardCells cells = {.wanted = wanted, .n_wanted = 2};

		memcpy(bytes, good, left);
		for (int64_t n = pick(4); n > 0; n--)
			bytes[pick((int64_t) left)] = (uint8_t) pick(256);
		question.kind = (CrmBoardKind) (turn % 2 == 0 ? CRM_BOARD_COHORTS : CRM_BOARD_MOVES);
		question.n_marks = turn % 2 == 0 ? 3 : 1;
		crm_board_begin(&walk, bytes, left);
		while (crm_board_next(&walk))
			crm_board_ask(&question, &walk, &cells);
		told += walk.is_damaged;
		free(bytes);
	}
	ok(told > 10000, "most damage is told");
}

int
main(void)
{
	test_record();
	test_merge();
	test_questions();
	test_damage();
	return done();
}
