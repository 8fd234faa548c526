/*
 * identity_plain.c
 *		Whether the records of a person are a component by themselves, and one person: asked of everybody whom
 *		new records join.  The partition of such a component is that of a run over everything, so
 *		whoever is plain needs no walk through the graph.
 */
#include "identity/identity_plain.h"

#include "identity/identity.h"
#include "identity/identity_cluster.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static bool
flag(const CrmHeldRecord *record, int column)
{
	return !record->nulls[column] && DatumGetBool(record->values[column]);
}

static const char *
text_of(const CrmHeldRecord *record, int column, int *length)
{
	text	   *value = DatumGetTextPP(record->values[column]);

	*length = VARSIZE_ANY_EXHDR(value);
	return VARDATA_ANY(value);
}

static bool
is_receipt(const CrmHeldRecord *record)
{
	int			length;
	const char *kind = text_of(record, H_KIND, &length);

	return length == strlen("receipt") && memcmp(kind, "receipt", length) == 0;
}

/* As everywhere: by source and external id. */
static int
compare_records(const void *left, const void *right)
{
	const CrmHeldRecord *a = *(const CrmHeldRecord *const *) left;
	const CrmHeldRecord *b = *(const CrmHeldRecord *const *) right;
	int			a_source = DatumGetInt32(a->values[H_SOURCE]);
	int			b_source = DatumGetInt32(b->values[H_SOURCE]);
	int			a_length;
	int			b_length;
	const char *a_id = text_of(a, H_EXTERNAL_ID, &a_length);
	const char *b_id = text_of(b, H_EXTERNAL_ID, &b_length);

	if (a_source != b_source)
		return a_source < b_source ? -1 : 1;
	return crm_identity_compare_bytes(a_id, a_length, b_id, b_length);
}

static void
fill_node(CrmIdentityNode *node, const CrmHeldRecord *record)
{
	CrmIdentityTraits *traits = &node->traits;
	int			length;

	node->record_id = DatumGetInt64(record->values[H_RECORD]);
	node->is_receipt = is_receipt(record);
	node->is_reference = flag(record, H_IS_REFERENCE);
	node->is_shadow = flag(record, H_IS_SHADOW);
	if (flag(record, H_IS_SOLE_OF_SOURCE))
		node->single_source = DatumGetInt32(record->values[H_SOURCE]);
	node->seen_at = DatumGetTimestampTz(record->values[H_REGISTERED_AT]);
	if (!record->nulls[H_NAME])
	{
		const char *name = text_of(record, H_NAME, &length);

		crm_identity_read_name(name, length, traits);
	}
	if (!record->nulls[H_SEX])
	{
		const char *sex = text_of(record, H_SEX, &length);

		traits->sex = length > 0 ? *sex : 0;
	}
	traits->has_birthday = !record->nulls[H_BIRTHDAY];
	if (traits->has_birthday)
		traits->birthday = DatumGetDateADT(record->values[H_BIRTHDAY]);
	traits->is_lunar = flag(record, H_IS_LUNAR);
}

static void
fill_glue(CrmIdentityGlue *glue, const CrmHeldValue *value, const CrmHeldRecord *record, int node)
{
	bool		is_card = value->kind == CRM_IDENTITY_MEMBER_CARD && flag(record, H_IS_SOLE_CARD);

	glue->node = node;
	glue->kind = value->kind;
	glue->rank = value->rank;
	glue->is_glue = value->is_key && !value->is_blocked;
	glue->is_single = value->is_single || is_card;
	glue->is_shared = value->is_shared;
	glue->is_home = value->kind == CRM_IDENTITY_HOME_NAME;
	glue->hash = (const uint8 *) VARDATA_ANY(value->hash);
	glue->hash_length = VARSIZE_ANY_EXHDR(value->hash);
	glue->namespace = VARDATA_ANY(value->namespace);
	glue->namespace_length = VARSIZE_ANY_EXHDR(value->namespace);
	if (is_card)				/* cards of one scheme */
	{
		char	   *scheme = psprintf("source %d", DatumGetInt32(record->values[H_SOURCE]));

		glue->namespace = scheme;
		glue->namespace_length = strlen(scheme);
	}
	glue->first_seen_at = value->first_seen_at;
	glue->last_seen_at = value->last_seen_at;
	glue->ended_at = value->ended_at;
}

static CrmIdentityGraph
build_graph(const CrmHeld *held, int first, int end, const CrmIdentityLimits *limits)
{
	CrmIdentityGraph graph = {
		.max_members = limits->max_members, .solid_members = limits->solid_members,
		.max_silence = limits->silent_days * USECS_PER_DAY, .n_nodes = end - first
	};
	const CrmHeldRecord **records = palloc(graph.n_nodes * sizeof(CrmHeldRecord *));
	int			n_glue = 0;

	for (int i = first; i < end; i++)
	{
		records[i - first] = &held->records[i];
		n_glue += held->records[i].end_value - held->records[i].first_value;
	}
	qsort(records, graph.n_nodes, sizeof(CrmHeldRecord *), compare_records);
	graph.nodes = palloc0(graph.n_nodes * sizeof(CrmIdentityNode));
	graph.glue = palloc0(Max(n_glue, 1) * sizeof(CrmIdentityGlue));
	for (int node = 0; node < graph.n_nodes; node++)
	{
		fill_node(&graph.nodes[node], records[node]);
		for (int i = records[node]->first_value; i < records[node]->end_value; i++)
			fill_glue(&graph.glue[graph.n_glue++], &held->values[i], records[node], node);
	}
	return graph;
}

/* Nobody else holds the value, and it ties no more records than its kind may. */
static bool
is_own(const CrmHeld *held, int first, int end, const CrmHeldValue *value)
{
	int			own = 0;
	int			counted = 0;	/* receipts apart */

	for (int i = first; i < end; i++)
	{
		const CrmHeldRecord *record = &held->records[i];

		for (int j = record->first_value; j < record->end_value; j++)
		{
			const CrmHeldValue *other = &held->values[j];

			if (other->kind != value->kind ||
				crm_identity_compare_bytes(VARDATA_ANY(other->hash), VARSIZE_ANY_EXHDR(other->hash),
										   VARDATA_ANY(value->hash), VARSIZE_ANY_EXHDR(value->hash)) != 0)
				continue;
			own++;
			counted += !is_receipt(record);
		}
	}
	return own == value->holders && counted <= value->max_records;
}

static bool
is_closed(const CrmHeld *held, int first, int end)
{
	for (int i = first; i < end; i++)
	{
		const CrmHeldRecord *record = &held->records[i];

		if (flag(record, H_IS_DECIDED))
			return false;
		for (int j = record->first_value; j < record->end_value; j++)
			if (!held->values[j].is_blocked && !is_own(held, first, end, &held->values[j]))
				return false;
	}
	return true;
}

static bool
is_one_person(const CrmHeld *held, int first, int end, const CrmIdentityLimits *limits)
{
	CrmIdentityGraph graph = build_graph(held, first, end, limits);
	bool		is_person = false;

	crm_identity_cluster(&graph);
	if (graph.n_refusals > 0)
		return false;
	for (int i = 0; i < graph.n_nodes; i++)
	{
		if (crm_identity_label(&graph, i) != crm_identity_label(&graph, 0))
			return false;
		is_person |= !graph.nodes[i].is_reference || graph.nodes[i].has_glue;
	}
	return is_person;
}

bool
crm_identity_is_plain(const CrmHeld *held, int first, int end, const CrmIdentityLimits *limits)
{
	MemoryContext own;
	MemoryContext callers;
	bool		is_plain;

	if (!is_closed(held, first, end))
		return false;
	own = AllocSetContextCreate(CurrentMemoryContext, "one person", ALLOCSET_SMALL_SIZES);
	callers = MemoryContextSwitchTo(own);
	is_plain = is_one_person(held, first, end, limits);
	MemoryContextSwitchTo(callers);
	MemoryContextDelete(own);
	return is_plain;
}
