/*
 * identity_link_model.c
 *		Models of the matcher as values of SQL: trained on a query's rows, preset, read out, and
 *		asked how near records are, field by field.
 */
#include "identity/link_edge.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#define PART_COLUMNS 9
#define MAX_CANDIDATES 100000

PG_FUNCTION_INFO_V1(crm_identity_link_train);
PG_FUNCTION_INFO_V1(crm_identity_link_preset);
PG_FUNCTION_INFO_V1(crm_identity_link_report);
PG_FUNCTION_INFO_V1(crm_identity_link_parts);
PG_FUNCTION_INFO_V1(crm_identity_link_odds);

/* _identity_link_train(query text, kinds text[], seed bigint, cap int) returns bytea */
Datum
crm_identity_link_train(PG_FUNCTION_ARGS)
{
	CrmLink    *link = crm_identity_link_new();
	bytea	   *model;

	crm_identity_link_limits(link, PG_GETARG_INT64(2), PG_GETARG_INT32(3), 2);
	crm_identity_link_kinds(link, PG_GETARG_ARRAYTYPE_P(1));
	crm_identity_link_rows(link, PG_GETARG_TEXT_PP(0));
	crm_link_learn(link);
	model = crm_identity_link_bytes(link);
	crm_identity_link_free(link);
	PG_RETURN_BYTEA_P(model);
}

/* _identity_link_preset(kinds text[]) returns bytea */
Datum
crm_identity_link_preset(PG_FUNCTION_ARGS)
{
	CrmLink    *link = crm_identity_link_new();

	crm_identity_link_kinds(link, PG_GETARG_ARRAYTYPE_P(0));
	crm_link_preset(link);
	PG_RETURN_BYTEA_P(crm_identity_link_bytes(link));
}

/* ---------------------------------------------------------------- read out */

static void
put_field(StringInfo out, const CrmLinkField *field, int number)
{
	appendStringInfo(out, "%s{\"kind\": \"%s\", \"group\": %d, \"exact_chance\": %.6g, \"levels\": [",
					 number > 0 ? ", " : "", crm_link_kind_name(field->kind), field->group + 1,
					 field->exact_chance);
	for (int level = 1; level < field->n_levels; level++)
		appendStringInfo(out, "%s{\"level\": %d, \"meaning\": \"%s\", \"meaning_zh\": \"%s\", \"m\": %.6g, \"u\": %.6g, \"bits\": %.3f}",
						 level > 1 ? ", " : "", level, crm_link_level_text(field->kind, level, false),
						 crm_link_level_text(field->kind, level, true), field->m[level], field->u[level],
						 field->weight[level]);
	appendStringInfoString(out, "]}");
}

/* _identity_link_report(model bytea) returns jsonb */
Datum
crm_identity_link_report(PG_FUNCTION_ARGS)
{
	CrmLink    *link = crm_identity_link_new();
	StringInfoData out;

	crm_identity_link_model(link, PG_GETARG_BYTEA_PP(0));
	crm_link_weigh(link);
	initStringInfo(&out);
	appendStringInfo(&out, "{\"rows\": " UINT64_FORMAT ", \"seed\": \"" INT64_FORMAT "\", \"matches\": %.0f, \"prior\": %.4f, \"cut\": %.4f, \"cut_automatic\": %.4f, "
					 "\"precision\": %.6f, \"precision_automatic\": %.6f, \"recall\": %.6f, \"terms\": " INT64_FORMAT ", \"fields\": [",
					 (uint64) link->trained_rows, (int64) link->seed, link->matches, link->prior, link->cut + link->prior,
					 link->cut_auto + link->prior, link->precision_cut, link->precision_auto, link->recall_cut,
					 (int64) link->n_terms);
	for (int f = 0; f < link->n_fields; f++)
		put_field(&out, &link->fields[f], f);
	appendStringInfoString(&out, "]}");
	crm_identity_link_free(link);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

/* ---------------------------------------------------------------- asked about records */

/* Rows of as many values as the model has fields. */
static int
take_records(CrmLink *link, ArrayType *array, int64 first_id, int most)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	if (count % link->n_fields != 0 || count / link->n_fields > most)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("a record has one value for each of the model's %d fields", link->n_fields)));
	for (int row = 0; row < count / link->n_fields; row++)
	{
		const char *texts[CRM_LINK_MAX_FIELDS];
		size_t		lengths[CRM_LINK_MAX_FIELDS] = {0};

		for (int f = 0; f < link->n_fields; f++)
		{
			Datum		value = values[row * link->n_fields + f];

			texts[f] = nulls[row * link->n_fields + f] ? NULL : VARDATA_ANY(DatumGetPointer(value));
			if (texts[f] != NULL)
				lengths[f] = VARSIZE_ANY_EXHDR(DatumGetPointer(value));
		}
		crm_link_row(link, first_id + row, texts, lengths);
	}
	return count / link->n_fields;
}

static void
put_part(ReturnSetInfo *result, const CrmLink *link, int field, const CrmLinkPart *part)
{
	CrmLinkKind kind = link->fields[field].kind;
	Datum		values[PART_COLUMNS] = {Int32GetDatum(field + 1),
		CStringGetTextDatum(crm_link_kind_name(kind)), Int32GetDatum(part->level),
		CStringGetTextDatum(crm_link_level_text(kind, part->level, false)),
		CStringGetTextDatum(crm_link_level_text(kind, part->level, true)),
	Float8GetDatum(part->weight), Float8GetDatum(part->rarity), BoolGetDatum(part->is_counted),
	Float8GetDatum(part->loss)};
	bool		nulls[PART_COLUMNS] = {false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* _identity_link_parts(model bytea, a text[], b text[]) returns setof */
Datum
crm_identity_link_parts(PG_FUNCTION_ARGS)
{
	CrmLink    *link = crm_identity_link_new();
	CrmLinkPart parts[CRM_LINK_MAX_FIELDS];

	InitMaterializedSRF(fcinfo, 0);
	crm_identity_link_model(link, PG_GETARG_BYTEA_PP(0));
	crm_link_begin(link);
	if (take_records(link, PG_GETARG_ARRAYTYPE_P(1), 0, 1) != 1 ||
		take_records(link, PG_GETARG_ARRAYTYPE_P(2), 1, 1) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("two records are compared")));
	crm_link_weigh(link);
	crm_link_parts(link, 0, 1, parts);
	for (int f = 0; f < link->n_fields; f++)
		put_part((ReturnSetInfo *) fcinfo->resultinfo, link, f, &parts[f]);
	crm_identity_link_free(link);
	return (Datum) 0;
}

/* _identity_link_odds(model bytea, record text[], candidates text[]) returns float8[] */
Datum
crm_identity_link_odds(PG_FUNCTION_ARGS)
{
	CrmLink    *link = crm_identity_link_new();
	Datum	   *odds;
	int			count;

	crm_identity_link_model(link, PG_GETARG_BYTEA_PP(0));
	crm_link_begin(link);
	if (take_records(link, PG_GETARG_ARRAYTYPE_P(1), 0, 1) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("one record is held against candidates")));
	count = take_records(link, PG_GETARG_ARRAYTYPE_P(2), 1, MAX_CANDIDATES);
	crm_link_weigh(link);
	odds = palloc(Max(count, 1) * sizeof(Datum));
	for (int i = 0; i < count; i++)
		odds[i] = Float8GetDatum(link->prior +
								 crm_link_score(link, 0, i + 1, crm_link_pattern(link, 0, i + 1)));
	PG_RETURN_ARRAYTYPE_P(construct_array(odds, count, FLOAT8OID, 8, true, TYPALIGN_DOUBLE));
}
