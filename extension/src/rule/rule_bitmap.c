/*
 * rule_bitmap.c
 *		Bitmaps as they grow: the expanded object, read and flattened.
 *
 * An expanded bitmap owns its memory context; aggregates keep theirs under the aggregate's own
 * and add to it in place.  Reading never copies members: containers point into the value.
 */
#include "rule/rule_bitmap.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#define BITMAP_MAGIC 0x43524d42
#define MEMBERS_AT_ONCE 65536	/* between two looks for a cancel */

static Size flat_size(ExpandedObjectHeader *header);
static void flatten_into(ExpandedObjectHeader *header, void *result, Size allocated);

static const ExpandedObjectMethods methods = {flat_size, flatten_into};

static Size
size_of(const CrmBitmapParts *parts)
{
	Size		size = offsetof(CrmBitmapFlat, entries) + parts->n * sizeof(CrmBitmapEntry);

	for (int i = 0; i < parts->n; i++)
		size += crm_rule_bitmap_bytes(parts->containers[i].members);
	return size;
}

static void
write_flat(const CrmBitmapParts *parts, CrmBitmapFlat *flat, Size size)
{
	char	   *at = (char *) &flat->entries[parts->n];

	SET_VARSIZE(flat, size);
	flat->n = parts->n;
	for (int i = 0; i < parts->n; i++)
	{
		const CrmBitmapContainer *container = &parts->containers[i];
		Size		bytes = crm_rule_bitmap_bytes(container->members);
		Size		used = crm_rule_bitmap_is_sparse(container->members) ?
			container->members * sizeof(uint16) : bytes;

		flat->entries[i].key = container->key;
		flat->entries[i].members_less_one = container->members - 1;
		flat->entries[i].place = at - (char *) flat;
		memcpy(at, container->data.bits, used);
		memset(at + used, 0, bytes - used);
		at += bytes;
	}
}

static Size
flat_size(ExpandedObjectHeader *header)
{
	return size_of(&((CrmBitmap *) header)->parts);
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated)
{
	write_flat(&((CrmBitmap *) header)->parts, result, allocated);
}

Datum
crm_rule_bitmap_flatten(const CrmBitmapParts *parts)
{
	Size		size = size_of(parts);
	CrmBitmapFlat *flat = palloc(size);

	write_flat(parts, flat, size);
	return PointerGetDatum(flat);
}

/* The containers of a value of either form, for reading. */
CrmBitmapParts
crm_rule_bitmap_read(Datum value)
{
	CrmBitmapParts parts;
	CrmBitmapFlat *flat;

	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
	{
		CrmBitmap  *bitmap = (CrmBitmap *) DatumGetEOHP(value);

		CrmEnsure(bitmap->magic == BITMAP_MAGIC, "an expanded bitmap is one");
		return bitmap->parts;
	}
	flat = (CrmBitmapFlat *) PG_DETOAST_DATUM(value);
	parts.n = parts.room = flat->n;
	parts.containers = palloc(Max(flat->n, 1) * sizeof(CrmBitmapContainer));
	for (int i = 0; i < parts.n; i++)
		parts.containers[i] = (CrmBitmapContainer) {
			.key = flat->entries[i].key,
			.members = flat->entries[i].members_less_one + 1,
			.data.bits = (uint64 *) ((char *) flat + flat->entries[i].place),
		};
	return parts;
}

/* Where a key is, or -1 - the place where it belongs. */
static int
find_container(const CrmBitmapParts *parts, int64 key)
{
	int			low = 0;
	int			high = parts->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (parts->containers[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < parts->n && parts->containers[low].key == key ? low : -1 - low;
}

CrmBitmap *
crm_rule_bitmap_make(MemoryContext parent)
{
	MemoryContext own = AllocSetContextCreate(parent, "crm bitmap", ALLOCSET_START_SMALL_SIZES);
	CrmBitmap  *bitmap = MemoryContextAllocZero(own, sizeof(CrmBitmap));

	EOH_init_header(&bitmap->header, &methods, own);
	bitmap->magic = BITMAP_MAGIC;
	bitmap->last = -1;
	return bitmap;
}

/* Opens a place for a new container. */
static CrmBitmapContainer *
insert_container(CrmBitmap *bitmap, int at, int64 key)
{
	CrmBitmapParts *parts = &bitmap->parts;

	if (parts->n == parts->room)
	{
		parts->room = Max(8, parts->room * 2);
		parts->containers = parts->containers == NULL ?
			MemoryContextAllocHuge(bitmap->header.eoh_context, parts->room * sizeof(CrmBitmapContainer)) :
			repalloc_huge(parts->containers, parts->room * sizeof(CrmBitmapContainer));
	}
	memmove(&parts->containers[at + 1], &parts->containers[at],
			(parts->n - at) * sizeof(CrmBitmapContainer));
	parts->n++;
	parts->containers[at] = (CrmBitmapContainer) {.key = key};
	return &parts->containers[at];
}

/* From offsets to bits: one more than fit. */
static void
make_dense(CrmBitmap *bitmap, CrmBitmapContainer *container)
{
	uint64	   *bits = MemoryContextAllocZero(bitmap->header.eoh_context, CRM_BITMAP_BYTES);

	for (uint32 i = 0; i < container->members; i++)
		bits[container->data.offsets[i] / 64] |= UINT64CONST(1) << (container->data.offsets[i] % 64);
	pfree(container->data.offsets);
	container->data.bits = bits;
}

static void
add_sparse(CrmBitmap *bitmap, CrmBitmapContainer *container, uint16 offset)
{
	uint16	   *offsets = container->data.offsets;
	uint32		low = 0;
	uint32		high = container->members;

	if (high > 0 && offsets[high - 1] < offset)
		low = high;
	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (offsets[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < container->members && offsets[low] == offset)
		return;
	if (container->members == CRM_BITMAP_SPARSE)
	{
		make_dense(bitmap, container);
		container->data.bits[offset / 64] |= UINT64CONST(1) << (offset % 64);
		container->members++;
		return;
	}
	if (container->members == container->room)
	{
		container->room = Max(8, container->room * 2);
		container->data.offsets = offsets = offsets == NULL ?
			MemoryContextAlloc(bitmap->header.eoh_context, container->room * sizeof(uint16)) :
			repalloc(offsets, container->room * sizeof(uint16));
	}
	memmove(&offsets[low + 1], &offsets[low], (container->members - low) * sizeof(uint16));
	offsets[low] = offset;
	container->members++;
}

void
crm_rule_bitmap_add(CrmBitmap *bitmap, int64 value)
{
	int64		key = value >> CRM_BITMAP_WIDTH;
	uint16		offset = value & (CRM_BITMAP_SPAN - 1);
	CrmBitmapContainer *container;

	if (value < 0 || value >= CRM_BITMAP_LIMIT)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("value is out of range for a bitmap"),
						crm_errfield("members"), errdetail("Members lie between 0 and 2^62."),
						errhint("Give ids as they were told.")));
	if (bitmap->last < 0 || bitmap->parts.containers[bitmap->last].key != key)
	{
		int			at = find_container(&bitmap->parts, key);

		if (at < 0)
			insert_container(bitmap, at = -1 - at, key);
		bitmap->last = at;
	}
	container = &bitmap->parts.containers[bitmap->last];
	if (crm_rule_bitmap_is_sparse(container->members))
		add_sparse(bitmap, container, offset);
	else if ((container->data.bits[offset / 64] & (UINT64CONST(1) << (offset % 64))) == 0)
	{
		container->data.bits[offset / 64] |= UINT64CONST(1) << (offset % 64);
		container->members++;
	}
}

static int
compare_values(const void *a, const void *b, void *arg)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return (left > right) - (left < right);
}

/*
 * A bitmap of values in any order.  They are put in order first: a container that is opened before others moves all of them, and
 * so many values far from each other would take the square of their number.
 */
CrmBitmap *
crm_rule_bitmap_of(int64 *values, int64 n)
{
	CrmBitmap  *bitmap = crm_rule_bitmap_make(CurrentMemoryContext);
	bool		is_ascending = true;

	for (int64 i = 1; i < n && is_ascending; i++)
		is_ascending = values[i - 1] <= values[i];
	if (!is_ascending)
		qsort_interruptible(values, n, sizeof(int64), compare_values, NULL);
	for (int64 i = 0; i < n; i++)
	{
		if (i % MEMBERS_AT_ONCE == 0)
			CHECK_FOR_INTERRUPTS();
		crm_rule_bitmap_add(bitmap, values[i]);
	}
	return bitmap;
}

bool
crm_rule_bitmap_has(const CrmBitmapParts *parts, int64 value)
{
	int			at = value < 0 ? -1 : find_container(parts, value >> CRM_BITMAP_WIDTH);
	uint16		offset = value & (CRM_BITMAP_SPAN - 1);
	const CrmBitmapContainer *container;
	uint32		low = 0;
	uint32		high;

	if (at < 0)
		return false;
	container = &parts->containers[at];
	if (!crm_rule_bitmap_is_sparse(container->members))
		return (container->data.bits[offset / 64] >> (offset % 64)) & 1;
	high = container->members;
	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (container->data.offsets[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < container->members && container->data.offsets[low] == offset;
}

/* Takes a container over as a whole, into an empty place. */
static void
copy_container(CrmBitmap *bitmap, int at, const CrmBitmapContainer *from)
{
	CrmBitmapContainer *container = insert_container(bitmap, at, from->key);
	Size		bytes = crm_rule_bitmap_bytes(from->members);

	container->members = from->members;
	container->room = bytes / sizeof(uint16);
	container->data.bits = MemoryContextAlloc(bitmap->header.eoh_context, bytes);
	memcpy(container->data.bits, from->data.bits,
		   crm_rule_bitmap_is_sparse(from->members) ? from->members * sizeof(uint16) : bytes);
}

void
crm_rule_bitmap_add_parts(CrmBitmap *bitmap, const CrmBitmapParts *parts)
{
	for (int i = 0; i < parts->n; i++)
	{
		const CrmBitmapContainer *from = &parts->containers[i];
		int			at = find_container(&bitmap->parts, from->key);
		CrmBitmapWalk walk = {.parts = {.n = 1, .containers = unconstify(CrmBitmapContainer *, from)}};
		int64		value;

		CHECK_FOR_INTERRUPTS();
		if (at < 0)
			copy_container(bitmap, -1 - at, from);
		else
			while (crm_rule_bitmap_next(&walk, &value))
				crm_rule_bitmap_add(bitmap, value);
		bitmap->last = -1;
	}
}

/* A value that may be added to: itself when it is writable already, else a copy. */
CrmBitmap *
crm_rule_bitmap_writable(Datum value, MemoryContext parent)
{
	CrmBitmap  *bitmap;
	CrmBitmapParts parts;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(value)))
	{
		bitmap = (CrmBitmap *) DatumGetEOHP(value);
		CrmEnsure(bitmap->magic == BITMAP_MAGIC, "an expanded bitmap is one");
		return bitmap;
	}
	bitmap = crm_rule_bitmap_make(parent);
	parts = crm_rule_bitmap_read(value);
	crm_rule_bitmap_add_parts(bitmap, &parts);
	return bitmap;
}

/* The next member; false at the end. */
bool
crm_rule_bitmap_next(CrmBitmapWalk *walk, int64 *value)
{
	while (walk->container < walk->parts.n)
	{
		const CrmBitmapContainer *container = &walk->parts.containers[walk->container];
		int64		base = container->key << CRM_BITMAP_WIDTH;

		if (crm_rule_bitmap_is_sparse(container->members))
		{
			if (walk->position < container->members)
			{
				*value = base + container->data.offsets[walk->position++];
				return true;
			}
		}
		else
			while (walk->position < CRM_BITMAP_SPAN)
			{
				uint64		word = container->data.bits[walk->position / 64] >> (walk->position % 64);

				if (word == 0)
				{
					walk->position = (walk->position / 64 + 1) * 64;
					continue;
				}
				walk->position += pg_rightmost_one_pos64(word);
				*value = base + walk->position++;
				return true;
			}
		CHECK_FOR_INTERRUPTS();
		walk->container++;
		walk->position = 0;
	}
	return false;
}
