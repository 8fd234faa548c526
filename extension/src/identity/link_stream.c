/*
 * link_stream.c
 *		Rows as they come: while one lot of them is read by helpers, the one before is interned
 *		and the next is brought.
 *
 * Whoever brings rows copies their texts into a lot and takes no further part in reading them.
 * Values get their numbers from one thread and in the order of rows, so they are the same
 * however many helpers there are.  Names, towns and birthdays come again and again: where a text
 * came lately, nothing is read or looked up.
 */
#include "identity/link_text.h"

#include <string.h>

#include "pure/hash.h"

#define LOT_ROWS 2048
#define LOT_BYTES (1 << 20)		/* of texts: with more a lot is full before */
#define SEEN_TEXTS (1 << 14)	/* a field */
#define SEEN_TRIED (1 << 14)	/* after so many a field of texts that seldom come again goes without */
#define NOWHERE UINT32_MAX
#define SOON 24					/* cells ahead: their places are called for */
#define NEXT 8					/* and what these lead to */

/* A text as it came, and the value that it is. */
typedef struct Seen
{
	uint64_t	hash;
	uint32_t	value;
} Seen;

/* A field of a row, from its bytes to its value; as long as the processor reads at once. */
typedef struct Cell
{
	CrmLinkText text;			/* of none there is nothing */
	uint64_t	text_hash;
	uint32_t	start;			/* of its bytes in the lot's */
	uint32_t	length;
	uint32_t	seen;			/* where it is looked for, or NOWHERE */
	uint32_t	value;			/* of a text that came lately */
	bool		is_told;
} Cell;

typedef struct Lot
{
	const CrmLink *link;
	uint32_t	n_rows;
	int64_t    *ids;
	Cell	   *cells;			/* n_fields a row */
	char	   *bytes;
	size_t		n_bytes;
	size_t		room_bytes;
	uint64_t   *words;			/* of the cells' texts, one behind the other within a part */
} Lot;

/* What was learned of texts, until nobody looks. */
typedef struct Lesson
{
	uint32_t	seen;
	Seen		is;
} Lesson;

struct CrmLinkStream
{
	Lot			lots[2];
	int			filled;			/* the lot that rows are put into; the other one is being read */
	void	   *work;			/* on the other one, or NULL */
	size_t		row_words;		/* of a row at most */
	Seen	   *seen;			/* some for each field, NULL while there are few rows */
	Lesson	   *lessons;
	uint32_t	n_lessons;
	uint32_t	asked[CRM_LINK_MAX_FIELDS];	/* of a field's seen texts */
	uint32_t	known[CRM_LINK_MAX_FIELDS]; /* and found */
	bool		is_sought[CRM_LINK_MAX_FIELDS]; /* enough are found */
};

void
crm_link_stream_begin(CrmLink *link)
{
	CrmLinkStream *stream = crm_link_grow(link, NULL, 0, sizeof(CrmLinkStream));
	size_t		cells = (size_t) LOT_ROWS * link->n_fields;

	memset(stream, 0, sizeof *stream);
	for (int f = 0; f < link->n_fields; f++)
		stream->row_words += CRM_LINK_WORDS(crm_link_prepared_size(link->fields[f].kind)) + CRM_LINK_UNIT_WORDS;
	for (int i = 0; i < 2; i++)
		stream->lots[i] = (Lot) {.link = link, .ids = crm_link_grow(link, NULL, 0, LOT_ROWS * sizeof(int64_t)),
			.cells = crm_link_grow(link, NULL, 0, cells * sizeof(Cell)),
		.words = crm_link_grow(link, NULL, 0, LOT_ROWS * stream->row_words * sizeof(uint64_t))};
	stream->lessons = crm_link_grow(link, NULL, 0, cells * sizeof(Lesson));
	link->stream = stream;
}

/* ---------------------------------------------------------------- read, by any thread */

static uint32_t
place_of(const CrmLinkStream *stream, int field, uint64_t hash)
{
	return stream->is_sought[field] ? (uint32_t) (field * SEEN_TEXTS + (hash & (SEEN_TEXTS - 1))) : NOWHERE;
}

/* Returns how many words it took. */
static size_t
read_cell(const Lot *lot, int field, Cell *cell, uint64_t *words)
{
	const CrmLinkStream *stream = lot->link->stream;
	const char *bytes = lot->bytes + cell->start;

	cell->value = 0;
	cell->seen = NOWHERE;
	if (!cell->is_told)
		return 0;
	cell->text_hash = crm_hash_bytes(bytes, cell->length);
	cell->seen = place_of(stream, field, cell->text_hash);
	if (cell->seen != NOWHERE && stream->seen[cell->seen].hash == cell->text_hash)
		cell->value = stream->seen[cell->seen].value;
	if (cell->value != 0)
		return 0;
	cell->is_told = crm_link_read_text(lot->link->fields[field].kind, bytes, cell->length, words, &cell->text);
	return cell->is_told ? cell->text.n_words : 0;
}

static void
read_part(void *argument, int part)
{
	const Lot  *lot = argument;
	int			width = lot->link->n_fields;
	uint32_t	row = lot->n_rows * (uint32_t) part / CRM_LINK_PARTS;
	uint32_t	end = lot->n_rows * (uint32_t) (part + 1) / CRM_LINK_PARTS;
	uint64_t   *words = lot->words + row * lot->link->stream->row_words;

	for (; row < end; row++)
		for (int f = 0; f < width; f++)
			words += read_cell(lot, f, &lot->cells[(size_t) row * width + f], words);
}

/* ---------------------------------------------------------------- interned, in order */

static bool
is_looked_up(const Cell *cell)
{
	return cell->is_told && cell->value == 0;
}

/* Calls for what the cells behind this one will need. */
static void
look_ahead(const CrmLink *link, const Lot *lot, size_t cell, int field)
{
	size_t		cells = (size_t) lot->n_rows * link->n_fields;
	int			soon = (field + SOON) % link->n_fields;
	int			next = (field + NEXT) % link->n_fields;

	if (cell + SOON < cells && is_looked_up(&lot->cells[cell + SOON]))
		crm_link_intern_soon(link, soon, lot->cells[cell + SOON].text.hash);
	if (cell + NEXT < cells && is_looked_up(&lot->cells[cell + NEXT]))
		crm_link_intern_next(link, next, lot->cells[cell + NEXT].text.hash);
}

static uint32_t
take_cell(CrmLink *link, int field, const Cell *cell)
{
	CrmLinkStream *stream = link->stream;
	uint32_t	value = cell->value;

	if (cell->seen != NOWHERE)
	{
		stream->asked[field]++;
		stream->known[field] += value != 0;
	}
	if (is_looked_up(cell))
	{
		value = crm_link_intern(link, field, &cell->text);
		if (cell->seen != NOWHERE)
			stream->lessons[stream->n_lessons++] = (Lesson) {cell->seen, {cell->text_hash, value}};
	}
	crm_link_hold(link, field, value);
	return value;
}

static void
take_lot(CrmLink *link, Lot *lot)
{
	size_t		cell = 0;

	for (uint32_t row = 0; row < lot->n_rows; row++)
	{
		uint32_t   *values = crm_link_add_row(link, lot->ids[row]);

		for (int f = 0; f < link->n_fields; f++, cell++)
		{
			look_ahead(link, lot, cell, f);
			values[f] = take_cell(link, f, &lot->cells[cell]);
		}
	}
	lot->n_rows = 0;
	lot->n_bytes = 0;
}

/* ---------------------------------------------------------------- from lot to lot */

/* While nobody reads: what the lot before taught is written where the next one looks. */
static void
learn_seen(CrmLink *link)
{
	CrmLinkStream *stream = link->stream;

	if (stream->seen == NULL)
	{
		stream->seen = crm_link_grow(link, NULL, 0, (size_t) link->n_fields * SEEN_TEXTS * sizeof(Seen));
		memset(stream->seen, 0, (size_t) link->n_fields * SEEN_TEXTS * sizeof(Seen));
	}
	for (uint32_t i = 0; i < stream->n_lessons; i++)
		stream->seen[stream->lessons[i].seen] = stream->lessons[i].is;
	stream->n_lessons = 0;
	for (int f = 0; f < link->n_fields; f++)
		stream->is_sought[f] = stream->asked[f] < SEEN_TRIED || stream->known[f] >= stream->asked[f] / 8;
}

/* Waits until nobody reads. */
void
crm_link_stream_rest(CrmLink *link)
{
	void	   *work = link->stream == NULL ? NULL : link->stream->work;

	if (work == NULL)
		return;
	link->stream->work = NULL;
	link->host.finish(link->host.state, work);
}

/* The lot that is full begins to be read, the one that is read is taken and can be filled. */
static void
turn(CrmLink *link)
{
	CrmLinkStream *stream = link->stream;
	Lot		   *full = &stream->lots[stream->filled];
	Lot		   *read = &stream->lots[1 - stream->filled];

	crm_link_stream_rest(link);
	if (stream->n_lessons > 0 || link->n_rows >= LOT_ROWS)
		learn_seen(link);
	if (link->host.start != NULL)
		stream->work = link->host.start(link->host.state, read_part, full, CRM_LINK_PARTS);
	else
		for (int part = 0; part < CRM_LINK_PARTS; part++)
			read_part(full, part);
	take_lot(link, read);
	stream->filled = 1 - stream->filled;
}

static void
put_text(CrmLink *link, Lot *lot, Cell *cell, const char *text, size_t length)
{
	cell->is_told = text != NULL;
	cell->start = (uint32_t) lot->n_bytes;
	cell->length = (uint32_t) length;
	if (text == NULL)
		return;
	if (lot->n_bytes + length >= lot->room_bytes)
	{
		size_t		room = (lot->n_bytes + length + 1) * 2;

		lot->bytes = crm_link_grow(link, lot->bytes, lot->n_bytes, room);
		lot->room_bytes = room;
	}
	memcpy(lot->bytes + lot->n_bytes, text, length);
	lot->n_bytes += length;
}

void
crm_link_stream_row(CrmLink *link, int64_t id, const char *const *texts, const size_t *lengths)
{
	Lot		   *lot = &link->stream->lots[link->stream->filled];

	lot->ids[lot->n_rows] = id;
	for (int f = 0; f < link->n_fields; f++)
		put_text(link, lot, &lot->cells[(size_t) lot->n_rows * link->n_fields + f], texts[f], lengths[f]);
	lot->n_rows++;
	if (lot->n_rows == LOT_ROWS || lot->n_bytes >= LOT_BYTES)
		turn(link);
}

/* All have come. */
void
crm_link_stream_end(CrmLink *link)
{
	CrmLinkStream *stream = link->stream;

	turn(link);
	turn(link);
	crm_link_stream_rest(link);
	for (int i = 0; i < 2; i++)
	{
		link->host.drop(link->host.state, stream->lots[i].ids);
		link->host.drop(link->host.state, stream->lots[i].cells);
		link->host.drop(link->host.state, stream->lots[i].words);
		if (stream->lots[i].bytes != NULL)
			link->host.drop(link->host.state, stream->lots[i].bytes);
	}
	link->host.drop(link->host.state, stream->lessons);
	if (stream->seen != NULL)
		link->host.drop(link->host.state, stream->seen);
	link->host.drop(link->host.state, stream);
	link->stream = NULL;
}
