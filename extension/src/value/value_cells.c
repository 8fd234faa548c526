/*
 * value_cells.c
 *		Customers counted by their pattern (x, tx, T), as the state of the fitting aggregates.
 *
 * The state's type is bytea, so that it may travel between processes and machines; while it
 * is collected it is an expanded object: an open-addressing table in a context of its own
 * below the aggregate's, grown in place and never copied per row.  Flat it is a magic number
 * and the cells one after the other.  Nothing that is flat is believed: a length that does
 * not fit is an error, and cells are put in again one by one.
 *
 * Called by crm.value_fit_*(); takes no locks.
 */
#include "value/value_forecast.h"

#include "utils/expandeddatum.h"
#include "utils/memutils.h"

#define CELLS_MAGIC 0x43454C32
#define FIRST_ROOM 256
#define MOST_CELLS (256 * 1024 * 1024 / (int) sizeof(CrmForecastCell))

struct CrmValueCells
{
	ExpandedObjectHeader header;
	uint32		magic;
	uint32		room;			/* a power of two; a cell without weight is free */
	uint32		count;
	CrmForecastCell *table;
};

static Size
flat_size(ExpandedObjectHeader *header)
{
	CrmValueCells *cells = (CrmValueCells *) header;

	return VARHDRSZ + 2 * sizeof(uint32) + cells->count * sizeof(CrmForecastCell);
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size size)
{
	CrmValueCells *cells = (CrmValueCells *) header;
	uint32		head[2] = {CELLS_MAGIC, cells->count};
	char	   *at = (char *) result + VARHDRSZ;

	SET_VARSIZE(result, size);
	memcpy(at, head, sizeof head);
	at += sizeof head;
	for (uint32 i = 0; i < cells->room; i++)
		if (cells->table[i].weight > 0)
		{
			memcpy(at, &cells->table[i], sizeof(CrmForecastCell));
			at += sizeof(CrmForecastCell);
		}
}

static const ExpandedObjectMethods methods = {flat_size, flatten_into};

static CrmValueCells *
make_cells(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "crm value cells", ALLOCSET_DEFAULT_SIZES);
	CrmValueCells *cells = MemoryContextAllocZero(context, sizeof(CrmValueCells));

	EOH_init_header(&cells->header, &methods, context);
	cells->magic = CELLS_MAGIC;
	cells->room = FIRST_ROOM;
	cells->table = MemoryContextAllocZero(context, FIRST_ROOM * sizeof(CrmForecastCell));
	return cells;
}

static uint32
place_of(const CrmForecastCell *cell)
{
	uint64		words[3];
	uint64		hash = 0;

	memcpy(words, cell, sizeof words);
	for (int i = 0; i < 3; i++)
	{
		hash = (hash ^ words[i]) * UINT64CONST(0x9E3779B97F4A7C15);
		hash ^= hash >> 29;
	}
	return (uint32) (hash >> 16);
}

static CrmForecastCell *
find_place(CrmForecastCell *table, uint32 room, const CrmForecastCell *cell)
{
	uint32		at = place_of(cell) & (room - 1);

	while (table[at].weight > 0 &&
		   (table[at].x != cell->x || table[at].tx != cell->tx || table[at].T != cell->T))
		at = (at + 1) & (room - 1);
	return &table[at];
}

static void
grow(CrmValueCells *cells)
{
	uint32		room = cells->room * 2;
	CrmForecastCell *table;

	if (cells->count >= MOST_CELLS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many different customers to fit at once"),
						errdetail("There are more than %d patterns.", MOST_CELLS),
						errhint("Count time in days or weeks instead of seconds.")));
	table = MemoryContextAllocExtended(cells->header.eoh_context, room * sizeof(CrmForecastCell),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < cells->room; i++)
		if (cells->table[i].weight > 0)
			*find_place(table, room, &cells->table[i]) = cells->table[i];
	pfree(cells->table);
	cells->table = table;
	cells->room = room;
}

static void
add_cell(CrmValueCells *cells, const CrmForecastCell *cell)
{
	CrmForecastCell *place;

	if (cells->count > cells->room / 2)
		grow(cells);
	place = find_place(cells->table, cells->room, cell);
	if (place->weight > 0)
	{
		place->weight += cell->weight;
		return;
	}
	*place = *cell;
	cells->count++;
}

static void
add_flat(CrmValueCells *cells, const bytea *flat)
{
	uint32		head[2] = {0, 0};
	const char *at = VARDATA_ANY(flat);
	Size		size = VARSIZE_ANY_EXHDR(flat);

	if (size >= sizeof head)
		memcpy(head, at, sizeof head);
	if (head[0] != CELLS_MAGIC || size != sizeof head + (Size) head[1] * sizeof(CrmForecastCell))
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("bytes are no state of a fitting aggregate")));
	for (uint32 i = 0; i < head[1]; i++)
	{
		CrmForecastCell cell;

		memcpy(&cell, at + sizeof head + i * sizeof(CrmForecastCell), sizeof cell);
		if (cell.weight > 0)
			add_cell(cells, &cell);
	}
}

/* The collecting state of an argument: its own, or a new one filled from what is flat. */
static CrmValueCells *
cells_of(FunctionCallInfo fcinfo, int argument)
{
	MemoryContext context;
	CrmValueCells *cells;
	struct varlena *state;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("the steps of a fitting aggregate cannot be called by themselves")));
	if (PG_ARGISNULL(argument))
		return make_cells(context);
	state = (struct varlena *) PG_GETARG_POINTER(argument);
	if (VARATT_IS_EXTERNAL_EXPANDED_RW(state))
	{
		cells = (CrmValueCells *) DatumGetEOHP(PointerGetDatum(state));
		if (cells->magic == CELLS_MAGIC)
			return cells;
	}
	cells = make_cells(context);
	add_flat(cells, PG_DETOAST_DATUM_PACKED(PointerGetDatum(state)));
	return cells;
}

/* The cells of a state, sorted by x, in the current memory context; the state is left as it is. */
CrmForecastCell *
crm_value_cells_sorted(Datum state, uint32 *count)
{
	CrmValueCells *cells;
	CrmForecastCell *sorted;
	uint32		n = 0;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(state)))
	{
		cells = make_cells(CurrentMemoryContext);
		add_flat(cells, DatumGetByteaPP(state));
	}
	else
		cells = (CrmValueCells *) DatumGetEOHP(state);
	if (cells->magic != CELLS_MAGIC)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("value is no state of a fitting aggregate")));
	sorted = palloc_extended(Max(cells->count, 1) * sizeof(CrmForecastCell), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < cells->room; i++)
		if (cells->table[i].weight > 0)
			sorted[n++] = cells->table[i];
	qsort(sorted, n, sizeof(CrmForecastCell), crm_forecast_compare_cells);
	*count = n;
	return sorted;
}

static void
refuse(const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("customer cannot be fitted: %s", what),
					errhint("Frequency is a count of repeat purchases, 0 <= recency <= age, and recency is 0 where frequency is.")));
}

PG_FUNCTION_INFO_V1(crm_value_cells_step);
PG_FUNCTION_INFO_V1(crm_value_cells_spend_step);
PG_FUNCTION_INFO_V1(crm_value_cells_combine);

/* crm._value_cells_step(state, frequency, recency, age): a row with a null is left out. */
Datum
crm_value_cells_step(PG_FUNCTION_ARGS)
{
	CrmValueCells *cells = cells_of(fcinfo, 0);
	CrmForecastCell cell = {0, 0, 0, 1};

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3))
	{
		cell.x = PG_GETARG_FLOAT8(1);
		cell.tx = PG_GETARG_FLOAT8(2) + 0.0;	/* no minus zero: equal patterns are equal bytes */
		cell.T = PG_GETARG_FLOAT8(3) + 0.0;
		if (!(cell.x >= 0 && cell.x <= 1e9) || cell.x != floor(cell.x))
			refuse("frequency is no count");
		if (!(cell.tx >= 0 && cell.tx <= cell.T && cell.T < 1e15))
			refuse("recency is not between 0 and age");
		if (cell.x == 0 && cell.tx != 0)
			refuse("nothing was bought again, but recency is not 0");
		cell.x += 0.0;
		add_cell(cells, &cell);
	}
	return EOHPGetRWDatum(&cells->header);
}

/* crm._value_cells_spend_step(state, frequency, average): without a repeat purchase, left out. */
Datum
crm_value_cells_spend_step(PG_FUNCTION_ARGS)
{
	CrmValueCells *cells = cells_of(fcinfo, 0);
	CrmForecastCell cell = {0, 0, 0, 1};

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		cell.x = PG_GETARG_FLOAT8(1);
		cell.tx = PG_GETARG_FLOAT8(2);
		if (!(cell.x >= 0 && cell.x <= 1e9) || cell.x != floor(cell.x))
			refuse("frequency is no count");
		/* whatever a sum of 64 bits can be: an article number typed as an amount may not stop everybody's fit */
		if (!(fabs(cell.tx) < 1e19))
			refuse("average is no amount");
		if (cell.x > 0 && cell.tx > 0)
			add_cell(cells, &cell);
	}
	return EOHPGetRWDatum(&cells->header);
}

/* crm._value_cells_combine(state, state). */
Datum
crm_value_cells_combine(PG_FUNCTION_ARGS)
{
	CrmValueCells *cells;
	struct varlena *other;

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	cells = cells_of(fcinfo, 0);
	if (!PG_ARGISNULL(1))
	{
		other = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(1));
		add_flat(cells, other);
	}
	return EOHPGetRWDatum(&cells->header);
}
