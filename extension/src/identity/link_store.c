/*
 * link_store.c
 *		A model as bytes, to be kept and used again: chances of every level, prior, cuts, and how
 *		common the common values are.
 *
 * Little endian, numbers of fixed width, a version in front.  Values are kept as hashes; those
 * no commoner than the least share that a field takes for sure are left out.
 */
#include "identity/link.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x4D4C5243u		/* CRLM */
#define VERSION 1
#define HEAD_BYTES (4 * 4 + 8 * 10)
#define FIELD_BYTES (4 * 4 + 8 * (2 + 2 * CRM_LINK_MAX_LEVELS) + 8)
#define LOSS_BYTES(n) ((size_t) ((n) + 1) * (n) * CRM_LINK_MAX_LEVELS * 4)
#define TERM_BYTES (4 + 4 + 8)
#define MAX_TERMS (1 << 24)

typedef struct Stream
{
	uint8_t    *bytes;
	size_t		at;
	size_t		length;
	bool		is_broken;
} Stream;

static void
put(Stream *out, uint64_t number, int width)
{
	for (int i = 0; i < width; i++)
		out->bytes[out->at++] = (uint8_t) (number >> 8 * i);
}

static void
put_double(Stream *out, double value)
{
	uint64_t	bits;

	memcpy(&bits, &value, sizeof bits);
	put(out, bits, 8);
}

static void
put_float(Stream *out, float value)
{
	uint32_t	bits;

	memcpy(&bits, &value, sizeof bits);
	put(out, bits, 4);
}

static uint64_t
take(Stream *in, int width)
{
	uint64_t	number = 0;

	if (in->length - in->at < (size_t) width)
	{
		in->is_broken = true;
		return 0;
	}
	for (int i = 0; i < width; i++)
		number |= (uint64_t) in->bytes[in->at++] << 8 * i;
	return number;
}

static double
take_double(Stream *in)
{
	uint64_t	bits = take(in, 8);
	double		value;

	memcpy(&value, &bits, sizeof value);
	if (!isfinite(value))
		in->is_broken = true;
	return value;
}

static float
take_float(Stream *in)
{
	uint32_t	bits = (uint32_t) take(in, 4);
	float		value;

	memcpy(&value, &bits, sizeof value);
	if (!isfinite(value))
		in->is_broken = true;
	return value;
}

static double
take_chance(Stream *in)
{
	double		chance = take_double(in);

	if (!(chance >= 0 && chance <= 1))
		in->is_broken = true;
	return chance;
}

static int
compare_terms(const void *left, const void *right)
{
	const CrmLinkTerm *a = left;
	const CrmLinkTerm *b = right;

	if (a->field != b->field)
		return a->field < b->field ? -1 : 1;
	return a->hash < b->hash ? -1 : a->hash > b->hash;
}

/* The terms of a model that was read, or of the rows. */
static void
gather_terms(CrmLink *link)
{
	int64_t		count = 0;

	if (link->has_model)
		return;
	link->terms = crm_link_grow(link, NULL, 0, (link->n_values + 1) * sizeof(CrmLinkTerm));
	for (uint32_t v = 1; v < link->n_values; v++)
	{
		const CrmLinkValue *value = &link->dictionary[v];
		double		share = crm_link_share_seen(&link->fields[value->field], value->count);

		if (share > link->fields[value->field].least_share && count < MAX_TERMS)
			link->terms[count++] = (CrmLinkTerm) {value->hash, (float) share, value->field};
	}
	link->n_terms = count;
	if (count > 0)
		qsort(link->terms, count, sizeof(CrmLinkTerm), compare_terms);
}

/* What stands behind the fields has its own place. */
static int
first_of(const CrmLink *link, int f)
{
	return f < link->n_fields ? f : CRM_LINK_MAX_FIELDS;
}

static void
put_field(Stream *out, const CrmLinkField *field)
{
	put(out, field->kind, 4);
	put(out, field->group, 4);
	put(out, field->n_levels, 4);
	put(out, 0, 4);
	put_double(out, field->exact_chance);
	put_double(out, field->least_share);
	for (int level = 0; level < CRM_LINK_MAX_LEVELS; level++)
	{
		put_double(out, field->m[level]);
		put_double(out, field->u[level]);
	}
	put(out, (uint64_t) field->holders, 8);
}

uint8_t *
crm_link_model_write(CrmLink *link, size_t *length)
{
	Stream		out = {0};
	double		numbers[] = {link->prior, link->matches, link->cut, link->cut_auto, link->precision_cut,
	link->precision_auto, link->recall_cut};

	gather_terms(link);
	*length = HEAD_BYTES + (size_t) link->n_fields * FIELD_BYTES +
		LOSS_BYTES(link->n_fields) + (size_t) link->n_terms * TERM_BYTES;
	out.bytes = crm_link_grow(link, NULL, 0, *length);
	put(&out, MAGIC, 4);
	put(&out, VERSION << 16 | CRM_COMPARE_VERSION, 4);
	put(&out, link->n_fields, 4);
	put(&out, (uint64_t) link->n_terms, 4);
	for (int i = 0; i < 7; i++)
		put_double(&out, numbers[i]);
	put(&out, link->trained_rows, 8);
	put(&out, link->seed, 8);
	put(&out, (uint64_t) link->compared, 8);
	for (int f = 0; f < link->n_fields; f++)
		put_field(&out, &link->fields[f]);
	for (int f = 0; f <= link->n_fields; f++)
		for (int g = 0; g < link->n_fields; g++)
			for (int level = 0; level < CRM_LINK_MAX_LEVELS; level++)
				put_float(&out, link->loss[first_of(link, f)][g][level]);
	for (int64_t i = 0; i < link->n_terms; i++)
	{
		put(&out, link->terms[i].field, 4);
		put_float(&out, link->terms[i].share);
		put(&out, link->terms[i].hash, 8);
	}
	return out.bytes;
}

static void
take_field(Stream *in, CrmLinkField *field, int n_fields)
{
	uint64_t	kind = take(in, 4);

	memset(field, 0, sizeof *field);
	field->group = (int) take(in, 4);
	field->n_levels = (int) take(in, 4);
	take(in, 4);
	if (kind >= CRM_LINK_KINDS || field->group < 0 || field->group >= n_fields ||
		field->n_levels != crm_link_levels_of((CrmLinkKind) kind))
	{
		in->is_broken = true;
		return;
	}
	field->kind = (CrmLinkKind) kind;
	field->exact_chance = take_chance(in);
	field->least_share = take_chance(in);
	for (int level = 0; level < CRM_LINK_MAX_LEVELS; level++)
	{
		field->m[level] = take_chance(in);
		field->u[level] = take_chance(in);
		if (level > 0 && level < field->n_levels && (field->m[level] <= 0 || field->u[level] <= 0))
			in->is_broken = true;
	}
	take(in, 8);				/* holders: of the rows that come */
}

static void
take_losses(CrmLink *link, Stream *in)
{
	memset(link->depends_on, 0, sizeof link->depends_on);
	for (int f = 0; f <= link->n_fields; f++)
		for (int g = 0; g < link->n_fields; g++)
			for (int level = 0; level < CRM_LINK_MAX_LEVELS; level++)
			{
				int			first = first_of(link, f);
				float		loss = take_float(in);

				if (loss > 0)
					in->is_broken = true;
				link->loss[first][g][level] = loss;
				if (loss < 0)
					link->depends_on[g] |= 1u << first;
			}
}

static void
take_terms(CrmLink *link, Stream *in)
{
	for (int64_t i = 0; i < link->n_terms; i++)
	{
		CrmLinkTerm *term = &link->terms[i];
		uint64_t	field = take(in, 4);

		term->share = take_float(in);
		term->hash = take(in, 8);
		term->field = (uint8_t) field;
		if (field >= (uint64_t) link->n_fields || !(term->share > 0 && term->share <= 1) ||
			(i > 0 && compare_terms(term - 1, term) >= 0))
			in->is_broken = true;
	}
}

/* Sets fields, prior, cuts and terms; what the model does not hold stays as it is. */
bool
crm_link_model_read(CrmLink *link, const uint8_t *bytes, size_t length)
{
	Stream		in = {.bytes = (uint8_t *) bytes, .length = length};
	double	   *numbers[] = {&link->prior, &link->matches, &link->cut, &link->cut_auto, &link->precision_cut,
	&link->precision_auto, &link->recall_cut};

	if (take(&in, 4) != MAGIC || take(&in, 4) != (VERSION << 16 | CRM_COMPARE_VERSION))
		return false;
	link->n_fields = (int) take(&in, 4);
	link->n_terms = (int64_t) take(&in, 4);
	if (link->n_fields < 1 || link->n_fields > CRM_LINK_MAX_FIELDS || link->n_terms > MAX_TERMS ||
		length != HEAD_BYTES + (size_t) link->n_fields * FIELD_BYTES +
		LOSS_BYTES(link->n_fields) + (size_t) link->n_terms * TERM_BYTES)
		return false;
	for (int i = 0; i < 7; i++)
		*numbers[i] = take_double(&in);
	link->trained_rows = take(&in, 8);
	link->seed = take(&in, 8);
	take(&in, 8);				/* pairs compared */
	for (int f = 0; f < link->n_fields; f++)
		take_field(&in, &link->fields[f], link->n_fields);
	take_losses(link, &in);
	link->terms = crm_link_grow(link, NULL, 0, (size_t) (link->n_terms + 1) * sizeof(CrmLinkTerm));
	take_terms(link, &in);
	link->has_model = !in.is_broken;
	return link->has_model;
}
