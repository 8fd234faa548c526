/*
 * rule.h
 *		The one language of conditions about persons: read, compiled, answered.
 *
 *	in rule_source.c	what the rooms registered, as a session keeps it
 *	in rule_member.c	members of its JSON, and how a rule is refused
 *	in rule_read.c		JSON to a typed tree: groups, conditions, limits
 *	in rule_window.c	the members that say when
 *	in rule_test.c		comparisons: fields, operators, values
 *	in rule_sql.c		text and parameters of a statement; columns, comparisons, rows of a source
 *	in rule_question.c	what a condition asks of packed facts
 *	in rule_measure.c	the value that a condition finds for one person
 *	in rule_packed.c	conditions that packed facts answer
 *	in rule_row.c		the statement about given persons, and its explanation
 *	in rule_part.c		a rule about given persons taken apart
 *	in rule_set.c		the statements by sets: about everybody, about many given persons
 *	in rule_map.c		records to persons, newest words: what statements about everybody look up
 *	in rule_given.c		what statements about given persons look up of each
 *	in rule_rows.c		their rows of a table
 *	in rule_lunar.c		days told by the Chinese calendar
 *	in rule_moved.c		the statement about whom time may have moved
 *	in rule_words.c		conditions in words
 *	in rule_cache.c		compiled rules of a session
 *	in rule_api.c		the SQL-callable edge
 *	in rule_bitmap*.c	the type crm.bitmap
 */
#ifndef CRM_RULE_H
#define CRM_RULE_H

#include "core/core.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#define CRM_RULE_MAX_DEPTH 12
#define CRM_RULE_MAX_CONDITIONS 64
#define CRM_RULE_MAX_VALUES 1000
#define CRM_RULE_MAX_BYTES 16384
#define CRM_RULE_MAX_TESTS 16	/* members of one where */
#define CRM_RULE_MAX_DAYS 36500

/* ---- what rooms registered */

typedef enum CrmRuleShape
{
	CRM_RULE_STATE,
	CRM_RULE_FACTS,
	CRM_RULE_LATEST,
	CRM_RULE_HISTORY
} CrmRuleShape;

typedef enum CrmRuleKeyed
{
	CRM_RULE_BY_PERSON,			/* the current customer id */
	CRM_RULE_BY_EVER,			/* the id it was made under */
	CRM_RULE_BY_RECORD			/* a source record */
} CrmRuleKeyed;

typedef enum CrmRuleType
{
	CRM_RULE_TEXT,
	CRM_RULE_NUMBER,
	CRM_RULE_BOOLEAN,
	CRM_RULE_DATE,
	CRM_RULE_TIME,
	CRM_RULE_TEXTS,
	CRM_RULE_JSON
} CrmRuleType;

typedef struct CrmRuleLookup
{
	char	   *relation;		/* null: none */
	char	   *key;
	char	   *code;
} CrmRuleLookup;

typedef struct CrmRuleColumn
{
	char	   *name;
	char	   *column;
	char	   *lunar;			/* of a date: whether it is told by the Chinese calendar; null: never */
	CrmRuleType type;
	CrmRuleLookup lookup;		/* values are codes, the column holds keys */
	CrmRuleLookup catalogue;	/* where values are defined; key unused */
	JsonbContainer *words;		/* the only values there are; null: any */
	CrmRuleLookup facet;		/* of packed facts: the relation that names its keys; code: what each key is grouped by, null: nothing */
} CrmRuleColumn;

typedef struct CrmRuleSource
{
	char	   *kind;
	CrmRuleShape shape;
	char	   *relation;
	bool		is_view;
	char	   *key;
	char	   *key_column;		/* the same, as the catalog has it */
	CrmRuleKeyed keyed;
	char	   *time;			/* null: none */
	char	   *day;			/* null: none */
	char	   *until;			/* a row counts before this moment; null: for ever */
	char	   *scope;			/* SQL over the alias x, built of registered names and quoted words; "" none */
	bool		is_present_only;	/* as_of: now */
	bool		is_of_orders;	/* an order or a refund may change what it says */
	int			n_columns;
	CrmRuleColumn *columns;
	char	   *state;			/* latest */
	char	   *part;
	CrmRuleLookup parts;		/* where parts are defined; key unused */
	char	   *newest;			/* column that orders a record's rows after its time */
	char	   *strict;
	char	   *loose;
	char	   *history;		/* history: the column of packed purchases */
	char	   *whole;			/* whether a row is all the person has; null: never */
	struct CrmRuleSource *kept; /* the same kept by person: what is asked unless somebody is behind; null: none */
	const struct CrmRuleSource *told;	/* of kept rows: the records' own; null: these are they */
	char	   *behind;			/* of kept rows: names persons whose rows are not up to date; null: nobody's */
	char	   *since;			/* of a kept latest: it answers from this moment on */
	char	   *packed_relation;	/* facts kept packed by record as well (rule_packed.c); null: none */
	char	   *packed_column;
	char	   *packed_from;	/* the day a chunk begins with, of a record's first -infinity; null: not told */
	char	   *moved_relation;
	char	   *moved_key;
	char	   *moved_at;
	char	   *set_function;	/* facts: answers by sets who has a current row with one of some values; null: none */
	char	   *set_field;		/* of this column */
	bool		ends_elsewhere; /* no row of the relation ends by time alone: only those, with key and until, of the next, if any */
	char	   *ends_relation;
	char	   *name_zh;
	char	   *name_en;
} CrmRuleSource;

typedef struct CrmRuleRegistry
{
	MemoryContext context;
	int			n;
	CrmRuleSource *sources;
} CrmRuleRegistry;

/* ---- a rule */

typedef enum CrmRuleOp
{
	CRM_RULE_EQ,
	CRM_RULE_NE,
	CRM_RULE_LT,
	CRM_RULE_LE,
	CRM_RULE_GT,
	CRM_RULE_GE,
	CRM_RULE_BETWEEN,
	CRM_RULE_IN,
	CRM_RULE_NOT_IN,
	CRM_RULE_CONTAINS,
	CRM_RULE_STARTS_WITH,
	CRM_RULE_MISSING,
	CRM_RULE_PRESENT,
	CRM_RULE_N_OPS
} CrmRuleOp;

typedef enum CrmRuleMeasure
{
	CRM_RULE_VALUE,				/* the field of a state, the state of a latest */
	CRM_RULE_EVER,
	CRM_RULE_NEVER,
	CRM_RULE_COUNT,
	CRM_RULE_DAYS,
	CRM_RULE_SUM,
	CRM_RULE_AVERAGE,
	CRM_RULE_MIN,
	CRM_RULE_MAX,
	CRM_RULE_DISTINCT,
	CRM_RULE_LAST,
	CRM_RULE_FIRST,
	CRM_RULE_STREAK,
	CRM_RULE_BASELINE,
	CRM_RULE_GAP_RATIO,
	CRM_RULE_N_MEASURES
} CrmRuleMeasure;

typedef enum CrmRuleDerive
{
	CRM_RULE_PLAIN,
	CRM_RULE_AGE,
	CRM_RULE_MONTHS,
	CRM_RULE_SINCE,
	CRM_RULE_UNTIL,
	CRM_RULE_IN_DAYS,
	CRM_RULE_MONTH				/* of the year, 1 to 12 */
} CrmRuleDerive;

/* A column, or a place in one, seen as a type. */
typedef struct CrmRuleField
{
	const CrmRuleColumn *column;
	char	   *member;			/* of a json column; null for other types */
	CrmRuleDerive derive;
	CrmRuleType type;			/* what is compared */
} CrmRuleField;

typedef struct CrmRuleTest
{
	const char *path;			/* where in the rule, for messages */
	CrmRuleField field;			/* field.column null: the condition's measure */
	CrmRuleOp	op;
	CrmRuleType type;
	int			n_values;
	Datum	   *values;			/* of the type's SQL type: text, numeric, bool, date, timestamptz */
} CrmRuleTest;

typedef struct CrmRuleCondition
{
	int			number;			/* from 1, in the order of the text */
	const char *path;
	const CrmRuleSource *source;
	CrmRuleMeasure measure;
	CrmRuleField field;			/* of a state, or what a measure works on */
	const char *part;			/* latest */
	CrmRuleTest test;
	int			n_where;
	CrmRuleTest where[CRM_RULE_MAX_TESTS];
	bool		has_days;
	int			youngest;		/* at least, at most so many days old */
	int			oldest;
	int			hours;			/* 0: none */
	bool		has_since;
	bool		has_until;
	DateADT		since;
	DateADT		until;
	bool		has_clock;
	TimeADT		from;
	TimeADT		to;
	int			weekdays;		/* bit n - 1: ISO day n; 0: none */
	CrmRuleField same;			/* column null: none */
	int			windows;
	int			at_least;
	struct CrmRuleCondition *as_rows;	/* of a state: whether a row meets the comparison */
} CrmRuleCondition;

typedef enum CrmRuleGroup
{
	CRM_RULE_ALL,
	CRM_RULE_ANY,
	CRM_RULE_NOT,
	CRM_RULE_CONDITION
} CrmRuleGroup;

typedef struct CrmRuleNode
{
	CrmRuleGroup group;
	int			n_children;
	struct CrmRuleNode **children;
	CrmRuleCondition *condition;
} CrmRuleNode;

typedef struct CrmRuleTree
{
	CrmRuleNode *root;
	int			n_conditions;
	CrmRuleCondition *conditions[CRM_RULE_MAX_CONDITIONS];
} CrmRuleTree;

/* ---- a statement being written */

#define CRM_RULE_EVERYBODY_SET "(SELECT e.members FROM everybody e)"
/* Parameters every statement has: persons, moment, its local day, time zone, and the moment before with its day. */
#define CRM_RULE_PERSONS "$1"
#define CRM_RULE_MOMENT "$2"
#define CRM_RULE_DAY "$3"
#define CRM_RULE_ZONE "$4"
#define CRM_RULE_MOMENT_BEFORE "$5"
#define CRM_RULE_DAY_BEFORE "$6"
#define CRM_RULE_N_FIXED 6
/* Of a span of persons, $1 is its first and its last id. */
#define CRM_RULE_SPAN "(" CRM_RULE_PERSONS "::bigint[])[1] AND (" CRM_RULE_PERSONS "::bigint[])[2]"
/* The first moment after the day asked about. */
#define CRM_RULE_DAY_END "((" CRM_RULE_DAY " + 1)::timestamp AT TIME ZONE " CRM_RULE_ZONE ")"
#define CRM_RULE_DAY_END_BEFORE "((" CRM_RULE_DAY_BEFORE " + 1)::timestamp AT TIME ZONE " CRM_RULE_ZONE ")"

/* Whose rows are read: one person's, p.id, by key; everybody's; those of the given persons. */
typedef enum CrmRuleScope
{
	CRM_RULE_ONE,
	CRM_RULE_EVERYBODY,			/* records are looked up in the map */
	CRM_RULE_GIVEN,				/* likewise, rows by key of all persons asked about */
	CRM_RULE_SOME				/* few rows: records are joined */
} CrmRuleScope;

typedef struct CrmRuleSql
{
	StringInfoData text;
	int			n_params;
	int			room;
	Oid		   *types;
	Datum	   *values;			/* the fixed ones are filled at each execution */
	enum CrmRuleScope set_scope;	/* of statements whose conditions are sets */
	bool		is_span;		/* given persons are all of a span of ids: what is keyed by person is read from one end to the other */
	const char *everybody;		/* SQL: the set that absence is counted in */
	const char *persons;		/* SQL: of given persons those whose rows are read */
	const char *suffix;			/* of the names of their records and elders */
	int			met;			/* of many given persons: the parameter that names of each rule those who are known to meet the rest of it */
	bool		needs_records;	/* looks records up */
	bool		needs_elders;	/* looks up whom ids were merged into */
	const char *today;			/* the day by which dates become ages: CRM_RULE_DAY */
} CrmRuleSql;

/* rule_source.c */
extern const CrmRuleRegistry *crm_rule_registry(void);
extern uint64 crm_rule_registry_generation(void);
extern const CrmRuleSource *crm_rule_find_source(const char *kind, int length);
extern const char *crm_rule_type_name(CrmRuleType type);
extern void crm_rule_ask_kept(CrmRuleTree *tree, bool is_kept);

/* rule_member.c */
pg_noreturn extern void crm_rule_refuse(const char *path, const char *detail, const char *hint);
extern char *crm_rule_key(const JsonbValue *key);
extern JsonbValue *crm_rule_member(JsonbContainer *object, const char *name);
extern bool crm_rule_has_shape(const char *text, const char *shape);

/* rule_read.c */
extern CrmRuleTree *crm_rule_read(Jsonb *rule);
extern CrmRuleTree **crm_rule_read_several(Jsonb *rules, int *n);
extern const char *crm_rule_measure_name(CrmRuleMeasure measure);

/* rule_window.c */
extern void crm_rule_read_window(JsonbContainer *object, CrmRuleCondition *condition);
extern int	crm_rule_read_int(const JsonbValue *value, const char *path, int low, int high);
extern char *crm_rule_read_text(const JsonbValue *value, const char *path);

/* rule_test.c */
extern CrmRuleField crm_rule_read_field(const CrmRuleSource *source, const char *name, const char *path);
extern void crm_rule_read_comparison(const JsonbValue *op, const JsonbValue *value, CrmRuleType type, CrmRuleTest *test);
extern void crm_rule_read_where(JsonbContainer *object, CrmRuleCondition *condition);
extern bool crm_rule_number_meets(const CrmRuleTest *test, Datum number);
extern bool crm_rule_text_meets(const CrmRuleTest *test, const char *text);
extern const char *crm_rule_op_name(CrmRuleOp op);

/* rule_sql.c */
extern const Oid crm_rule_fixed_types[CRM_RULE_N_FIXED];
extern void crm_rule_sql_begin(CrmRuleSql *sql);
extern void crm_rule_sql_param(CrmRuleSql *sql, Oid type, Datum value);
extern void crm_rule_sql_text_param(CrmRuleSql *sql, const char *value);
extern void crm_rule_sql_int_param(CrmRuleSql *sql, int value);
extern void crm_rule_sql_field(CrmRuleSql *sql, const CrmRuleField *field, bool is_shown);
extern void crm_rule_sql_test(CrmRuleSql *sql, const CrmRuleTest *test, const char *value);
extern void crm_rule_sql_row_test(CrmRuleSql *sql, const CrmRuleTest *test);
extern void crm_rule_sql_rows(CrmRuleSql *sql, const CrmRuleCondition *condition, CrmRuleScope scope,
							  bool has_window);
extern void crm_rule_sql_relation(CrmRuleSql *sql, const CrmRuleSource *source, CrmRuleScope scope);
extern const char *crm_rule_sql_person(CrmRuleSql *sql, const CrmRuleSource *source, CrmRuleScope scope);
extern const char *crm_rule_sql_given(CrmRuleSql *sql, const CrmRuleSource *source);
extern const char *crm_rule_sql_is_given(CrmRuleSql *sql, const CrmRuleSource *source);
extern char *crm_rule_sql_given_rows(CrmRuleSql *sql, const CrmRuleSource *source);
extern void crm_rule_sql_day(CrmRuleSql *sql, const CrmRuleSource *source);

/* rule_question.c */
extern bool crm_rule_is_bare(const CrmRuleCondition *condition);
extern bool crm_rule_absence_meets(const CrmRuleCondition *condition);
extern void crm_rule_sql_span(CrmRuleSql *sql, const CrmRuleCondition *condition);
extern void crm_rule_sql_question(CrmRuleSql *sql, const CrmRuleCondition *condition);

/* rule_measure.c */
extern void crm_rule_sql_groups(CrmRuleSql *sql, const CrmRuleCondition *condition);
extern void crm_rule_sql_value(CrmRuleSql *sql, const CrmRuleCondition *condition);

/* rule_packed.c */
extern bool crm_rule_is_packed(const CrmRuleCondition *condition);
extern void crm_rule_sql_packed_value(CrmRuleSql *sql, const CrmRuleCondition *condition);
extern void crm_rule_sql_packed_question(CrmRuleSql *sql, const CrmRuleCondition *condition);
extern void crm_rule_sql_packed_gate(CrmRuleSql *sql, const CrmRuleCondition *condition);
extern void crm_rule_sql_packed_moved(CrmRuleSql *sql, const CrmRuleCondition *condition, const int *ages, int n_ages);

/* rule_part.c */
/* Conditions that must all hold: what the walk over purchases answers, what else orders may change, the rest. */
typedef struct CrmRuleParts
{
	CrmRuleNode walk;
	CrmRuleNode of_orders;
	CrmRuleNode rest;
} CrmRuleParts;

extern bool crm_rule_part_by_walk(const CrmRuleNode *root, CrmRuleParts *parts);

/* rule_row.c, rule_set.c, rule_moved.c */
extern bool crm_rule_is_of_person(const CrmRuleNode *node);
extern void crm_rule_compile_row(const CrmRuleTree *tree, CrmRuleSql *sql);
extern void crm_rule_compile_explain(const CrmRuleTree *tree, CrmRuleSql *sql);
extern void crm_rule_compile_set(const CrmRuleTree *tree, bool is_apart, CrmRuleSql *sql);
extern void crm_rule_compile_span(const CrmRuleTree *tree, CrmRuleSql *sql);
extern void crm_rule_compile_given(CrmRuleTree *const *trees, int n_trees, CrmRuleSql *sql);
/* How time alone moves a rule's answers. */
typedef struct CrmRuleMoves
{
	bool		daily_for_everybody;	/* in a way that only asking everybody tells, from day to day */
	bool		within_day;		/* from moment to moment; else from day to day only */
} CrmRuleMoves;

extern CrmRuleMoves crm_rule_compile_moved(const CrmRuleTree *tree, CrmRuleSql *sql);

/* rule_words.c */
extern char *crm_rule_words(const CrmRuleCondition *condition, bool is_chinese);

/* rule_cache.c */
typedef enum CrmRuleForm
{
	CRM_RULE_FORM_ROW,
	CRM_RULE_FORM_EXPLAIN,
	CRM_RULE_FORM_SET,
	CRM_RULE_FORM_APART,		/* everybody, condition by condition */
	CRM_RULE_FORM_SPAN,			/* the same of a span of persons */
	CRM_RULE_FORM_GIVEN,		/* many given persons, several rules */
	CRM_RULE_FORM_MOVED,
	CRM_RULE_N_FORMS
} CrmRuleForm;

typedef struct CrmRuleCompiled CrmRuleCompiled;

extern CrmRuleCompiled *crm_rule_compile(Jsonb *rule);
extern CrmRuleCompiled *crm_rule_compile_several(Jsonb *rules);
extern const CrmRuleTree *crm_rule_tree(const CrmRuleCompiled *compiled);
extern CrmRuleMoves crm_rule_moves(CrmRuleCompiled *compiled);
extern bool crm_rule_is_another_day(TimestampTz before, TimestampTz moment);
extern void crm_rule_run(CrmRuleCompiled *compiled, CrmRuleForm form, Datum persons, TimestampTz moment,
						 TimestampTz before);
extern void crm_rule_run_given(CrmRuleCompiled *compiled, Datum persons, Datum met, TimestampTz moment);

#endif
