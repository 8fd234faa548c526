/*
 * identity_survive.c
 *		Which of several values of one field is the person's.
 *
 * A rule is a list of criteria; the first that tells two values apart decides.  Called by
 * identity_golden.c under the locks of its caller; rules are read once a call, for they may have
 * been changed by another session.  Nothing is allocated.
 */
#include "identity/identity_survive.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

const char *const crm_golden_field_names[CRM_GOLDEN_FIELDS] = {
	"name", "sex", "city", "birthday", "address", "phone", "email"
};

enum
{
	VERIFIED, PRIORITY, RECENT, OLDEST, FREQUENT, COMPLETE
};

static const char *const criterion_names[CRM_GOLDEN_CRITERIA] = {
	"verified", "priority", "recent", "oldest", "frequent", "complete"
};

static CrmStatement read_rules = {
	.name = "identity.golden_rules",
	.n_args = 0,
	.sql = "SELECT field, criteria FROM crm.golden_rule WHERE criteria <> '{priority,recent}'",
};

/* The place of a word in a list, -1 when it is not there. */
static int
find_word(Datum word, const char *const *words, int n_words)
{
	const char *wanted = TextDatumGetCString(word);

	for (int i = 0; i < n_words; i++)
		if (strcmp(wanted, words[i]) == 0)
			return i;
	return -1;
}

static void
read_criteria(CrmGoldenRules *rules, int field, Datum array)
{
	Datum	   *words;
	int			n_words;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &words, NULL, &n_words);
	for (int i = 0; i < n_words && rules->n_criteria[field] < CRM_GOLDEN_CRITERIA; i++)
	{
		int			criterion = find_word(words[i], criterion_names, CRM_GOLDEN_CRITERIA);

		if (criterion >= 0)
			rules->criteria[field][rules->n_criteria[field]++] = criterion;
	}
	rules->has_any = true;
}

void
crm_identity_read_golden_rules(CrmGoldenRules *rules)
{
	memset(rules, 0, sizeof(*rules));
	crm_core_spi_execute(&read_rules, NULL, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		values[2];
		bool		nulls[2];
		int			field;

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		field = find_word(values[0], crm_golden_field_names, CRM_GOLDEN_FIELDS);
		if (field >= 0)
			read_criteria(rules, field, values[1]);
	}
}

bool
crm_identity_asks_frequency(const CrmGoldenRules *rules, CrmGoldenField field)
{
	for (int i = 0; i < rules->n_criteria[field]; i++)
		if (rules->criteria[field][i] == FREQUENT)
			return true;
	return false;
}

/* Positive when a is better by this criterion, negative when b is. */
static int
compare_by(int criterion, const CrmGoldenCandidate *a, const CrmGoldenCandidate *b)
{
	int			newer = (a->received_at > b->received_at) - (a->received_at < b->received_at);

	switch (criterion)
	{
		case VERIFIED:
			return a->is_verified - b->is_verified;
		case PRIORITY:
			return (a->priority < b->priority) - (a->priority > b->priority);
		case RECENT:
			return newer;
		case OLDEST:
			return -newer;
		case FREQUENT:
			return a->frequency - b->frequency;
		default:
			return a->length - b->length;
	}
}

bool
crm_identity_survives(const CrmGoldenRules *rules, CrmGoldenField field,
					  const CrmGoldenCandidate *a, const CrmGoldenCandidate *b)
{
	for (int i = 0; i < rules->n_criteria[field]; i++)
	{
		int			order = compare_by(rules->criteria[field][i], a, b);

		if (order != 0)
			return order > 0;
	}
	return false;
}
