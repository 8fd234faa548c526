/*
 * link.h
 *		The matcher: which rows of any table describe one thing, without a common identifier.
 *
 * Values are interned (a row is a few numbers), keys put rows into blocks, pairs of a block
 * are compared level by level and never stored, levels are weighed by a model learned from
 * the rows themselves, and what is heavy enough is put together under guards.
 *
 * Promises: no server headers; memory through the caller's functions; the answer depends on
 * the rows, their numbers and the seed, never on the order in which they came.  Called by
 * identity_link.c and the unit test.
 */
#ifndef CRM_IDENTITY_LINK_H
#define CRM_IDENTITY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRM_LINK_MAX_FIELDS 12
#define CRM_LINK_MAX_LEVELS 7	/* level 0: one side says nothing */
#define CRM_LINK_MAX_RULES 64
#define CRM_LINK_LEVEL_BITS 3
#define CRM_LINK_HISTOGRAM 1024 /* an eighth of a bit each, from -64 bits on */

typedef enum CrmLinkKind
{
	CRM_LINK_GIVEN, CRM_LINK_SURNAME, CRM_LINK_NAME, CRM_LINK_DATE, CRM_LINK_CODE, CRM_LINK_EMAIL,
	CRM_LINK_TEXT, CRM_LINK_CLASS
} CrmLinkKind;

/* What the matcher needs of its surroundings. */
typedef struct CrmLinkHost
{
	void	   *(*take) (void *state, size_t bytes);
	void		(*drop) (void *state, void *bytes);
	void		(*breathe) (void *state);	/* often: the caller may cancel */
	void	   *state;
} CrmLinkHost;

/* A value that rows hold; its units lie in the arena. */
typedef struct CrmLinkValue
{
	uint64_t	hash;			/* of field group and units */
	uint64_t	start;			/* in the arena */
	uint32_t	count;			/* rows that hold it */
	uint16_t	length;
	uint16_t	local;			/* e-mail: units before the sign */
	float		rarity;			/* bits to add where both sides have it */
} CrmLinkValue;

typedef struct CrmLinkField
{
	CrmLinkKind kind;
	int			group;			/* fields of a group say one thing: the heaviest of them counts */
	int			n_levels;
	double		m[CRM_LINK_MAX_LEVELS];
	double		u[CRM_LINK_MAX_LEVELS];
	double		weight[CRM_LINK_MAX_LEVELS];
	double		exact_chance;	/* that two rows hold the same value */
	int64_t		holders;		/* rows that hold any */
} CrmLinkField;

/* Rows with equal tokens of these fields are compared. */
typedef struct CrmLinkRule
{
	int			n_parts;
	int			field[3];
	bool		is_rough[3];
	int64_t		pairs;			/* of its blocks */
	int64_t		skipped_blocks;
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
	uint16_t	refused;		/* 0, or the CrmLinkGuard that kept the two apart */
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
	bool		has_model;		/* m, u and prior are given */
	/* rows */
	uint32_t	n_rows;
	uint32_t	room_rows;
	int64_t    *ids;
	uint32_t   *values;			/* n_fields a row; 0 is nothing */
	CrmLinkValue *dictionary;
	uint32_t	n_values;
	uint32_t	room_values;
	uint32_t   *slots;
	uint32_t	n_slots;
	uint16_t   *arena;
	uint64_t	arena_used;
	uint64_t	arena_room;
	/* blocks */
	int			n_rules;
	CrmLinkRule rules[CRM_LINK_MAX_RULES];
	int			key_width;		/* keys a row; those of n_rules are used */
	uint32_t   *keys;			/* 0 is none */
	uint64_t   *order;			/* key and row, for sorting; twice as many as rows */
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
	/* edges */
	CrmLinkEdge *edges;
	int64_t		n_edges;
	int64_t		room_edges;
	uint32_t   *cluster;		/* at the balanced cut: smallest row */
	uint32_t   *cluster_auto;
} CrmLink;

/* link_rows.c: rows come one by one, values as UTF-8; then they are put in order. */
extern void crm_link_begin(CrmLink *link);
extern void crm_link_row(CrmLink *link, int64_t id, const char *const *texts,
						 const size_t *lengths);
extern void crm_link_rows_done(CrmLink *link);
extern void *crm_link_grow(CrmLink *link, void *old, size_t used, size_t bytes);

/* link_block.c */
typedef void (*CrmLinkVisit) (CrmLink *link, void *state, int rule, const uint32_t *rows,
							  uint32_t count);
extern void crm_link_plan(CrmLink *link);
extern void crm_link_blocks(CrmLink *link, int rule, uint32_t one_in, CrmLinkVisit visit,
							void *state);

/* link_compare.c */
extern int	crm_link_level(const CrmLink *link, int field, uint32_t a, uint32_t b);
extern uint64_t crm_link_pattern(const CrmLink *link, uint32_t a, uint32_t b);
extern int	crm_link_levels_of(CrmLinkKind kind);
extern uint64_t crm_link_rough(const CrmLink *link, CrmLinkKind kind, uint32_t value);

/* link_model.c */
extern void crm_link_train(CrmLink *link);
extern void crm_link_weigh(CrmLink *link);
extern double crm_link_score(const CrmLink *link, uint32_t a, uint32_t b, uint64_t pattern);

/* link_em.c: patterns with counts, u fixed, m and the share of matches learned. */
typedef struct CrmLinkPattern
{
	uint64_t	pattern;
	int64_t		count;
} CrmLinkPattern;
extern double crm_link_em(CrmLinkField *fields, int n_fields, const CrmLinkPattern *patterns,
						  int64_t n_patterns, uint32_t blocked_fields, double share);

/* link_score.c */
extern void crm_link_run(CrmLink *link);

/* link_cluster.c */
extern void crm_link_cluster(CrmLink *link, double cut, uint32_t *label);

static inline int
crm_link_pattern_level(uint64_t pattern, int field)
{
	return (int) (pattern >> (CRM_LINK_LEVEL_BITS * field)) & ((1 << CRM_LINK_LEVEL_BITS) - 1);
}

#endif
