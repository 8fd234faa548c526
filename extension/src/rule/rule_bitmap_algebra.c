/*
 * rule_bitmap_algebra.c
 *		And, or, without: sets of persons put together container by container.
 *
 * Two containers of bits are combined a word at a time; of two lists of offsets the shorter is
 * walked; a list against bits looks each offset up.  Results are in the caller's memory
 * context; containers that one side alone has are pointed to, not copied.
 */
#include "rule/rule_bitmap.h"

#include "port/pg_bitutils.h"

typedef enum Operation
{
	OP_AND,
	OP_OR,
	OP_WITHOUT
} Operation;

static bool
has_bit(const CrmBitmapContainer *container, uint16 offset)
{
	return (container->data.bits[offset / 64] >> (offset % 64)) & 1;
}

static bool
is_sparse(const CrmBitmapContainer *container)
{
	return crm_rule_bitmap_is_sparse(container->members);
}

/* Bits that turned out to be few become offsets. */
static void
settle(CrmBitmapContainer *container, uint64 *bits)
{
	uint32		members = pg_popcount((const char *) bits, CRM_BITMAP_BYTES);
	uint32		n = 0;

	container->members = members;
	container->data.bits = bits;
	if (members == 0 || !crm_rule_bitmap_is_sparse(members))
		return;
	container->data.offsets = palloc(members * sizeof(uint16));
	for (int i = 0; i < CRM_BITMAP_WORDS; i++)
		for (uint64 word = bits[i]; word != 0; word &= word - 1)
			container->data.offsets[n++] = i * 64 + pg_rightmost_one_pos64(word);
	pfree(bits);
}

static void
combine_bits(Operation operation, const CrmBitmapContainer *a, const CrmBitmapContainer *b,
			 CrmBitmapContainer *result)
{
	uint64	   *bits = palloc(CRM_BITMAP_BYTES);
	const uint64 *left = a->data.bits;
	const uint64 *right = b->data.bits;

	if (operation == OP_AND)
		for (int i = 0; i < CRM_BITMAP_WORDS; i++)
			bits[i] = left[i] & right[i];
	else if (operation == OP_OR)
		for (int i = 0; i < CRM_BITMAP_WORDS; i++)
			bits[i] = left[i] | right[i];
	else
		for (int i = 0; i < CRM_BITMAP_WORDS; i++)
			bits[i] = left[i] & ~right[i];
	settle(result, bits);
}

/* The offsets of a list that bits have, or have not. */
static void
filter_offsets(const CrmBitmapContainer *list, const CrmBitmapContainer *bits, bool wanted,
			   CrmBitmapContainer *result)
{
	uint16	   *offsets = palloc(list->members * sizeof(uint16));
	uint32		n = 0;

	for (uint32 i = 0; i < list->members; i++)
	{
		offsets[n] = list->data.offsets[i];
		n += has_bit(bits, list->data.offsets[i]) == wanted;
	}
	result->members = n;
	result->data.offsets = offsets;
}

/* Bits with the offsets of a list set, or cleared. */
static void
change_bits(const CrmBitmapContainer *dense, const CrmBitmapContainer *list, bool is_set,
			CrmBitmapContainer *result)
{
	uint64	   *bits = palloc(CRM_BITMAP_BYTES);

	memcpy(bits, dense->data.bits, CRM_BITMAP_BYTES);
	for (uint32 i = 0; i < list->members; i++)
	{
		uint64		bit = UINT64CONST(1) << (list->data.offsets[i] % 64);

		if (is_set)
			bits[list->data.offsets[i] / 64] |= bit;
		else
			bits[list->data.offsets[i] / 64] &= ~bit;
	}
	settle(result, bits);
}

/* Offsets to bits, when two lists together may be many. */
static void
union_as_bits(const CrmBitmapContainer *a, const CrmBitmapContainer *b, CrmBitmapContainer *result)
{
	CrmBitmapContainer empty = {.members = CRM_BITMAP_SPAN, .data.bits = palloc0(CRM_BITMAP_BYTES)};
	uint64	   *bits = empty.data.bits;

	for (uint32 i = 0; i < a->members; i++)
		bits[a->data.offsets[i] / 64] |= UINT64CONST(1) << (a->data.offsets[i] % 64);
	change_bits(&empty, b, true, result);
	pfree(bits);
}

static void
merge_offsets(Operation operation, const CrmBitmapContainer *a, const CrmBitmapContainer *b,
			  CrmBitmapContainer *result)
{
	uint16	   *offsets = palloc((a->members + b->members) * sizeof(uint16));
	const uint16 *left = a->data.offsets;
	const uint16 *right = b->data.offsets;
	uint32		i = 0;
	uint32		j = 0;
	uint32		n = 0;

	while (i < a->members && j < b->members)
	{
		if (left[i] == right[j])
		{
			if (operation != OP_WITHOUT)
				offsets[n++] = left[i];
			i++;
			j++;
		}
		else if (left[i] < right[j])
		{
			if (operation != OP_AND)
				offsets[n++] = left[i];
			i++;
		}
		else
		{
			if (operation == OP_OR)
				offsets[n++] = right[j];
			j++;
		}
	}
	for (; operation != OP_AND && i < a->members; i++)
		offsets[n++] = left[i];
	for (; operation == OP_OR && j < b->members; j++)
		offsets[n++] = right[j];
	result->members = n;
	result->data.offsets = offsets;
}

static void
combine(Operation operation, const CrmBitmapContainer *a, const CrmBitmapContainer *b,
		CrmBitmapContainer *result)
{
	result->key = a->key;
	if (!is_sparse(a) && !is_sparse(b))
		combine_bits(operation, a, b, result);
	else if (is_sparse(a) && is_sparse(b))
	{
		if (operation == OP_OR && a->members + b->members > CRM_BITMAP_SPARSE)
			union_as_bits(a, b, result);
		else
			merge_offsets(operation, a, b, result);
	}
	else if (operation == OP_OR)
		change_bits(is_sparse(a) ? b : a, is_sparse(a) ? a : b, true, result);
	else if (is_sparse(a))
		filter_offsets(a, b, operation == OP_AND, result);
	else if (operation == OP_AND)
		filter_offsets(b, a, true, result);
	else
		change_bits(a, b, false, result);
}

static CrmBitmapParts
operate(Operation operation, const CrmBitmapParts *a, const CrmBitmapParts *b)
{
	CrmBitmapParts result = {.room = a->n + b->n};
	int			i = 0;
	int			j = 0;

	result.containers = palloc0(Max(result.room, 1) * sizeof(CrmBitmapContainer));
	while (i < a->n && j < b->n)
	{
		const CrmBitmapContainer *left = &a->containers[i];
		const CrmBitmapContainer *right = &b->containers[j];

		CHECK_FOR_INTERRUPTS();
		if (left->key == right->key)
		{
			combine(operation, left, right, &result.containers[result.n]);
			result.n += result.containers[result.n].members > 0;
			i++;
			j++;
		}
		else if (left->key < right->key)
		{
			if (operation != OP_AND)
				result.containers[result.n++] = *left;
			i++;
		}
		else
		{
			if (operation == OP_OR)
				result.containers[result.n++] = *right;
			j++;
		}
	}
	for (; operation != OP_AND && i < a->n; i++)
		result.containers[result.n++] = a->containers[i];
	for (; operation == OP_OR && j < b->n; j++)
		result.containers[result.n++] = b->containers[j];
	return result;
}

CrmBitmapParts
crm_rule_bitmap_and(const CrmBitmapParts *a, const CrmBitmapParts *b)
{
	return operate(OP_AND, a, b);
}

CrmBitmapParts
crm_rule_bitmap_or(const CrmBitmapParts *a, const CrmBitmapParts *b)
{
	return operate(OP_OR, a, b);
}

CrmBitmapParts
crm_rule_bitmap_without(const CrmBitmapParts *a, const CrmBitmapParts *b)
{
	return operate(OP_WITHOUT, a, b);
}
