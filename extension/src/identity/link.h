/*
 * link.h
 *		The matcher: which rows of any table describe one thing, without a common identifier.
 *
 * Values are interned (a row is a few numbers), keys put rows into blocks, pairs of a block
 * are compared level by level and never stored, levels are weighed by a model learned from
 * the rows themselves, and what is heavy enough is put together under guards.
 *
 * Promises: no server headers; memory through the caller's functions; the answer depends on
 * the rows, their numbers and the seed, never on the order in which they came, nor on how many
 * processors share the work.  Called by
 * link_edge.c and the unit test.
 */
#ifndef CRM_IDENTITY_LINK_H
#define CRM_IDENTITY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pure/compare.h"
#include "pure/units.h"

#define CRM_LINK_MAX_FIELDS 12
#define CRM_LINK_MAX_LEVELS 12	/* level 0: one side says nothing */
#define CRM_LINK_MAX_RULES 64
#define CRM_LINK_LEVEL_BITS 4
#define CRM_LINK_FEW_ROWS 1500	/* so few are compared all with all, in one block, and learned from twice */
#define CRM_LINK_AUTO_ODDS 9.0	/* log2: a pair of an automatic merge has at least these */
#define CRM_LINK_HISTOGRAM 1024 /* an eighth of a bit each, from -64 bits on */

/*
 * What a field says.  Levels are those of pure/compare.h plus one, so that 0 is "one side says
 * nothing"; CODE and the classes have levels of their own, and a GIVEN name one more, for names
 * that stand in each other's column.
 */
typedef enum CrmLinkKind
{
	CRM_LINK_GIVEN, CRM_LINK_SURNAME, CRM_LINK_NAME, CRM_LINK_DATE, CRM_LINK_PHONE, CRM_LINK_EMAIL,
	CRM_LINK_ID, CRM_LINK_ADDRESS, CRM_LINK_POSTCODE, CRM_LINK_CODE, CRM_LINK_TEXT, CRM_LINK_NUMBER,
	CRM_LINK_SEX, CRM_LINK_CLASS
} CrmLinkKind;

#define CRM_LINK_KINDS (CRM_LINK_CLASS + 1)

/* A part of some work, independent of the others: takes no memory, does not breathe, may give up when stopped. */
typedef void (*CrmLinkWork) (void *argument, int part);

/* What the matcher needs of its surroundings. */
typedef struct CrmLinkHost
{
	void	   *(*take) (void *state, size_t bytes);
	void	   *(*trim) (void *state, void *bytes, size_t less);
	void		(*drop) (void *state, void *bytes);
	void		(*breathe) (void *state);	/* often: the caller may cancel */
	/*
	 * Helpers begin to run work for each part; finish takes what parts are left and waits until
	 * all are done.  NULL: one part after the other.
	 */
	void	   *(*start) (void *state, CrmLinkWork work, void *argument, int n_parts);
	void		(*finish) (void *state, void *started);
	void	   *state;
	bool		(*is_stopped) (void);	/* any thread may ask: breathe is going to cancel; NULL: never */
} CrmLinkHost;

/*
 * A value that rows hold.  The arena has, from its start on, what compare.h prepares of it
 * (n_prepared words of eight bytes; 0 where the kind needs nothing prepared, or where the text
 * could not be read as its kind and is compared as it is written) and then its units.
 */
typedef struct CrmLinkValue
{
	uint64_t	hash;			/* of the units */
	uint32_t	start;			/* words of the arena */
	uint32_t	count;			/* rows that hold it */
	uint32_t	rough;			/* what nearly equal values share; 0 when nothing can be said */
	float		rarity;			/* bits to add where both sides have it */
	uint32_t	signature;		/* of the units, of an e-mail those before the sign */
	uint8_t		length;			/* units */
	uint8_t		local;			/* e-mail: units before the sign */
	uint8_t		n_prepared;
	uint8_t		field:4;
	uint8_t		self:4;			/* the level of two equal values: a surname alone is not a name */
} CrmLinkValue;

/* A few bits of a value, from which link_sketch.h tells how near another can be. */
typedef struct CrmLinkSketch
{
	uint32_t	once;			/* classes of letters; or the first end of a number; a date */
	uint32_t	twice;			/* those that come twice; or the last end; the date in the Chinese calendar */
	uint16_t	head;			/* how it begins */
	uint8_t		house;			/* a byte of the number of an address, 0: none */
	uint8_t		length;			/* 0: nothing can be told */
} CrmLinkSketch;

/* Rows that are on their way (link_stream.c). */
typedef struct CrmLinkStream CrmLinkStream;

/* How common a value is among all that the model was trained on, by field and hash. */
typedef struct CrmLinkTerm
{
	uint64_t	hash;
	float		share;
	uint8_t		field;
} CrmLinkTerm;

typedef struct CrmLinkField
{
	CrmLinkKind kind;
	bool		is_grouped;		/* others are in its group */
	int			group;			/* fields of a group say one thing: the heaviest of them counts */
	int			n_levels;
	double		m[CRM_LINK_MAX_LEVELS];
	double		u[CRM_LINK_MAX_LEVELS];
	double		weight[CRM_LINK_MAX_LEVELS];
	/* bits that values which differ can bring between two levels */
	double		most[CRM_LINK_MAX_LEVELS][CRM_LINK_MAX_LEVELS];
	int			partner;		/* of a given name the first surname, of a surname the first given name, or -1 */
	double		exact_chance;	/* that two rows hold the same value */
	double		least_share;	/* values are not taken for rarer, for they may be typing errors */
	int64_t		holders;		/* rows that hold any */
} CrmLinkField;

/* Rows with equal tokens of these fields are compared. */
typedef struct CrmLinkRule
{
	int			n_parts;
	int			field[3];
	bool		is_rough[3];
	uint32_t   *rows;			/* of its blocks, one block after another; the first of each has the top bit */
	uint32_t	n_rows;
	int64_t		pairs;			/* of its blocks */
	int64_t		skipped_blocks;
	bool		is_left_out;	/* a sample of its pairs found next to nothing */
} CrmLinkRule;

typedef struct CrmLinkSkip
{
	int			rule;
	uint32_t	rows;			/* in the block that was too large */
	uint32_t	example;		/* a row of it */
} CrmLinkSkip;

typedef struct CrmLinkEdge
{
	uint32_t	a;
	uint32_t	b;
	float		score;			/* bits, without the prior */
	uint16_t	rule;
	uint8_t		refused;		/* 0, or the CrmLinkGuard that kept the two apart */
	bool		is_apart;		/* no automatic merge, whatever it weighs */
	uint64_t	pattern;
} CrmLinkEdge;

typedef enum CrmLinkGuard
{
	CRM_LINK_FREE, CRM_LINK_SIZE, CRM_LINK_BRIDGE, CRM_LINK_APART
} CrmLinkGuard;

typedef struct CrmLink
{
	CrmLinkHost host;
	/* asked */
	int			n_fields;
	CrmLinkField fields[CRM_LINK_MAX_FIELDS];
	uint64_t	seed;
	uint32_t	cap;			/* rows of a block */
	int			max_size;		/* rows of a cluster */
	bool		has_model;		/* fields, prior, cuts and terms are given */
	/* rows */
	uint32_t	n_rows;
	uint32_t	room_rows;
	int64_t    *ids;
	uint32_t   *values;			/* n_fields a row; 0 is nothing */
	CrmLinkSketch *sketches;	/* of the values, n_fields a row; NULL until blocks are planned */
	CrmLinkValue *dictionary;
	uint32_t	n_values;
	uint32_t	room_values;
	uint64_t   *slots;			/* of values: a part of the hash, and below it the number */
	uint32_t	n_slots;
	CrmLinkStream *stream;		/* NULL but while rows come by it */
	uint64_t   *arena;
	uint64_t	arena_used;		/* words */
	uint64_t	arena_room;
	/* blocks */
	int			n_rules;
	CrmLinkRule rules[CRM_LINK_MAX_RULES];
	int			key_width;		/* keys a row */
	uint32_t   *keys;			/* 0 is none */
	CrmLinkSkip *skips;
	int64_t		n_skips;
	int64_t		room_skips;
	/* model */
	double		matches;		/* pairs that are one */
	double		prior;			/* log2 odds of any two rows */
	int64_t		compared;
	int64_t		histogram[CRM_LINK_HISTOGRAM];
	double		expected[CRM_LINK_HISTOGRAM];	/* matches among them */
	double		cut;			/* balanced: score without prior */
	double		cut_auto;
	double		precision_cut;	/* expected */
	double		precision_auto;
	double		recall_cut;
	uint64_t	trained_rows;
	/*
	 * Bits that a level of the second field loses where the first one is equal, 0 or less; behind
	 * the fields, where given name and surname both are.
	 */
	float		loss[CRM_LINK_MAX_FIELDS + 1][CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS];
	uint32_t	depends_on[CRM_LINK_MAX_FIELDS];	/* a bit for each first one */
	int			cheapest[CRM_LINK_MAX_FIELDS];	/* fields, those cheap to compare first */
	uint32_t	name_fields;	/* a bit for given name and surname, 0 unless there are both */
	CrmLinkTerm *terms;			/* of the model, by field and hash */
	int64_t		n_terms;
	/* edges */
	CrmLinkEdge *edges;
	int64_t		n_edges;
	int64_t		room_edges;
	uint32_t   *cluster;		/* at the balanced cut: smallest row */
	uint32_t   *cluster_auto;
} CrmLink;

/* One field's part of a pair's score, for people. */
typedef struct CrmLinkPart
{
	int			level;			/* 0: one side says nothing */
	double		weight;			/* bits for the level, beside the fields that agree */
	double		loss;			/* of it: what another field that agrees says already, 0 or less */
	double		rarity;			/* bits more or less, as the value is rarer or commoner than most */
	bool		is_counted;		/* false where another field of the group weighs more */
} CrmLinkPart;

/*
 * To score pairs by a model that is stored: crm_link_model_read() into a CrmLink that is zero
 * but for its host, crm_link_begin(), crm_link_row() for each record, crm_link_weigh(), then
 * crm_link_parts() or crm_link_score() for any two rows, in the order in which they came;
 * link->prior added makes log2 odds.
 */

/* link_value.c: what a text says in a field of a kind; false for nothing. */
#define CRM_LINK_LONGEST 120	/* units of a value that are looked at; their number is a byte */

typedef struct CrmLinkReading
{
	uint16_t	units[CRM_LINK_LONGEST + CRM_UNITS_ROOM];
	int			length;
	int			local;
	bool		is_prepared;
	CrmPrepared prepared;
} CrmLinkReading;
extern bool crm_link_read(CrmLinkKind kind, const char *text, size_t length, CrmLinkReading *out);
extern size_t crm_link_prepared_size(CrmLinkKind kind);
extern bool crm_link_kind_of(const char *word, CrmLinkKind *kind);
extern const char *crm_link_kind_name(CrmLinkKind kind);

/* link_memory.c */
extern void *crm_link_grow(CrmLink *link, void *old, size_t used, size_t bytes);
extern size_t crm_link_roomier(size_t room, size_t width);

/* link_rows.c: rows come one by one, values as UTF-8; then they are put in order. */
extern void crm_link_begin(CrmLink *link);
extern void crm_link_row(CrmLink *link, int64_t id, const char *const *texts,
						 const size_t *lengths);

/* link_stream.c: many rows, read by helpers meanwhile; whoever leaves before the end must rest, for these hold the texts. */
extern void crm_link_stream_begin(CrmLink *link);
extern void crm_link_stream_row(CrmLink *link, int64_t id, const char *const *texts,
								const size_t *lengths);
extern void crm_link_stream_end(CrmLink *link);
extern void crm_link_stream_rest(CrmLink *link);

extern void crm_link_rows_done(CrmLink *link);
extern void crm_link_sketch_rows(CrmLink *link);

/* link_block.c */
typedef void (*CrmLinkVisit) (const CrmLink *link, void *state, int rule, const uint32_t *rows,
							  uint32_t count);
extern void crm_link_plan(CrmLink *link);
extern uint64_t *crm_link_sort(uint64_t *order, uint32_t room, uint32_t count);
extern void crm_link_blocks(const CrmLink *link, int rule, uint32_t one_in, CrmLinkVisit visit,
							void *state);
extern void crm_link_blocks_between(const CrmLink *link, int rule, uint32_t start, uint32_t end,
									uint32_t one_in, CrmLinkVisit visit, void *state);
extern uint32_t crm_link_blocks_end(const CrmLink *link, int rule, uint32_t start, uint32_t rows);
extern uint32_t crm_link_blocks_part(const CrmLink *link, int rule, int part);
extern void crm_link_leave_out(CrmLink *link, int rule);

/* link_compare.c */
extern int	crm_link_levels_of(CrmLinkKind kind);
extern int	crm_link_exact_of(CrmLinkKind kind);
extern const char *crm_link_level_text(CrmLinkKind kind, int level, bool in_chinese);
extern int	crm_link_value_level(CrmLinkKind kind, const uint64_t *arena, const CrmLinkValue *x,
								 const CrmLinkValue *y);
extern int	crm_link_level(const CrmLink *link, int field, uint32_t a, uint32_t b);
extern uint64_t crm_link_pattern(const CrmLink *link, uint32_t a, uint32_t b);

extern int	crm_link_house(const uint16_t *units, int length, const uint16_t **start);

/* link_sketch.c */
extern CrmLinkSketch crm_link_sketch(CrmLinkKind kind, const uint64_t *arena, const CrmLinkValue *value);

/* link_rough.c: what a value is found by, exactly and roughly; 0 for nothing. */
extern uint32_t crm_link_rough(CrmLinkKind kind, const CrmLinkReading *reading);
extern uint64_t crm_link_token(CrmLinkKind kind, const uint64_t *arena, const CrmLinkValue *value);

/* link_preset.c: chances before anything is learned. */
extern const double *crm_link_preset_m(CrmLinkKind kind);
extern const double *crm_link_preset_u(CrmLinkKind kind);
extern void crm_link_preset(CrmLink *link);
extern void crm_link_hold_back(CrmLinkKind kind, double *m, int n_levels);

/* link_depend.c: what fields say twice. */
extern void crm_link_depend(CrmLink *link);

/* link_model.c */
extern void crm_link_train(CrmLink *link);
extern void crm_link_weigh(CrmLink *link);
extern void crm_link_correct(CrmLink *link);
extern double crm_link_share_seen(const CrmLinkField *field, uint32_t count);
extern bool crm_link_pattern_worth(const CrmLink *link, uint32_t a, uint32_t b, double least,
								   uint64_t *pattern);
extern double crm_link_score(const CrmLink *link, uint32_t a, uint32_t b, uint64_t pattern);
extern double crm_link_parts(const CrmLink *link, uint32_t a, uint32_t b, CrmLinkPart *parts);

/*
 * link_store.c: a model as bytes, with the shares of common values.  Written into memory taken
 * from the host; read returns false for bytes that are no model of this version.
 */
extern uint8_t *crm_link_model_write(CrmLink *link, size_t *length);
extern bool crm_link_model_read(CrmLink *link, const uint8_t *bytes, size_t length);

/* link_em.c: patterns with counts, u fixed but for lean, m and the share of matches learned. */
typedef struct CrmLinkPattern
{
	uint64_t	pattern;
	int64_t		count;
} CrmLinkPattern;
extern double crm_link_em(CrmLinkField *fields, int n_fields, const CrmLinkPattern *patterns,
						  int64_t n_patterns, uint32_t blocked_fields, double share, double lean);

/* link_score.c */
extern void crm_link_learn(CrmLink *link);
extern void crm_link_run(CrmLink *link);

/* link_apart.c: what leaves a pair to people, whatever it weighs. */
extern bool crm_link_has_names(const CrmLink *link);
extern bool crm_link_is_apart(const CrmLink *link, uint64_t pattern);
extern bool crm_link_is_torn(const CrmLink *link, uint64_t pattern, uint64_t left, uint64_t right);

/* link_told.c: what is not told, judged by those who tell it. */
typedef struct CrmLinkTold CrmLinkTold;
extern CrmLinkTold *crm_link_told(CrmLink *link);	/* of edges that are sorted */
extern bool crm_link_is_often_two(const CrmLink *link, CrmLinkTold *told, uint64_t pattern);

/* link_dispute.c: which edges are no automatic merge; they are sorted already. */
extern void crm_link_dispute(CrmLink *link);

/* link_cluster.c */
extern void crm_link_sort_edges(CrmLink *link);
extern void crm_link_cluster(CrmLink *link, double cut, bool is_automatic, uint32_t *label);

/* Rows in parts of equal size: the first row of one. */
#define CRM_LINK_PARTS 16

/* Work of which each part needs memory of its own for all rows: so many parts at a time. */
#define CRM_LINK_LANES 4

static inline uint32_t
crm_link_part_start(const CrmLink *link, int part)
{
	return (uint32_t) ((uint64_t) link->n_rows * (uint64_t) part / CRM_LINK_PARTS);
}

static inline void
crm_link_share(CrmLink *link, CrmLinkWork work, void *argument, int n_parts)
{
	if (link->host.start != NULL)
		link->host.finish(link->host.state, link->host.start(link->host.state, work, argument, n_parts));
	else
		for (int part = 0; part < n_parts; part++)
			work(argument, part);
	link->host.breathe(link->host.state);
}

static inline int
crm_link_pattern_level(uint64_t pattern, int field)
{
	return (int) (pattern >> (CRM_LINK_LEVEL_BITS * field)) & ((1 << CRM_LINK_LEVEL_BITS) - 1);
}

#endif
