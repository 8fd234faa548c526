/*
 * phone_plan.c - facts of numbering plans (ITU-T E.164, MIIT for China).
 *
 * Called by normalize_phone.c alone.  Lengths are as wide as a country's plan allows: the
 * question answered is "can this be a number there", not "has it been assigned".
 */
#include <string.h>

#include "pure/phone_plan.h"

#define ANY_MIN 4
#define E164_MAX 15
#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Plans whose lengths are known, by calling code; all others use ANY_MIN to 15 digits in all. */
static const CrmPhonePlan known_plans[] = {
	{1, 1, 10, 10, false},
	{7, 1, 10, 10, false},
	{20, 2, 8, 10, true},
	{27, 2, 9, 9, true},
	{30, 2, 10, 10, false},
	{31, 2, 9, 9, true},
	{32, 2, 8, 9, true},
	{33, 2, 9, 9, true},
	{34, 2, 9, 9, false},
	{36, 2, 8, 9, false},
	{39, 2, 6, 12, false},
	{40, 2, 9, 9, true},
	{41, 2, 9, 9, true},
	{43, 2, 4, 13, true},
	{44, 2, 9, 10, true},
	{45, 2, 8, 8, false},
	{46, 2, 7, 10, true},
	{47, 2, 8, 8, false},
	{48, 2, 9, 9, false},
	{49, 2, 6, 13, true},
	{51, 2, 8, 9, true},
	{52, 2, 10, 10, false},
	{54, 2, 10, 11, true},
	{55, 2, 10, 11, true},
	{56, 2, 9, 9, false},
	{57, 2, 8, 10, false},
	{58, 2, 10, 10, true},
	{60, 2, 8, 10, true},
	{61, 2, 9, 9, true},
	{62, 2, 7, 12, true},
	{63, 2, 8, 10, true},
	{64, 2, 8, 10, true},
	{65, 2, 8, 8, false},
	{66, 2, 8, 9, true},
	{81, 2, 9, 10, true},
	{82, 2, 8, 11, true},
	{84, 2, 9, 10, true},
	{86, 2, 9, 11, true},
	{90, 2, 10, 10, true},
	{91, 2, 10, 10, true},
	{92, 2, 9, 10, true},
	{93, 2, 9, 9, true},
	{94, 2, 9, 9, true},
	{95, 2, 7, 10, true},
	{98, 2, 10, 10, true},
	{212, 3, 9, 9, true},
	{213, 3, 8, 9, true},
	{234, 3, 8, 10, true},
	{254, 3, 9, 9, true},
	{255, 3, 9, 9, true},
	{351, 3, 9, 9, false},
	{353, 3, 7, 9, true},
	{358, 3, 5, 12, true},
	{380, 3, 9, 9, true},
	{852, 3, 8, 8, false},
	{853, 3, 8, 8, false},
	{855, 3, 8, 9, true},
	{856, 3, 8, 10, true},
	{880, 3, 8, 10, true},
	{886, 3, 8, 9, true},
	{960, 3, 7, 7, false},
	{966, 3, 9, 9, true},
	{971, 3, 8, 9, true},
	{972, 3, 8, 9, true},
	{973, 3, 8, 8, false},
	{974, 3, 8, 8, false},
	{976, 3, 8, 8, false},
	{977, 3, 8, 10, true},
	{996, 3, 9, 9, true},
	{998, 3, 9, 9, false},
};

/*
 * Two-digit codes by first digit; a number starting with none of these and not with 1 or
 * 7 has a three-digit code.
 */
static const char *const two_digit_codes[10] = {
	"", "", "07", "0123469", "013456789", "12345678", "0123456", "", "1246", "0123458"
};

/* A set of three-digit codes: the first two digits and the third digits in use. */
typedef struct CodeRange
{
	char		head[3];
	const char *third;
} CodeRange;

static const CodeRange three_digit_codes[] = {
	{"21", "12368"}, {"22", "0123456789"}, {"23", "0123456789"}, {"24", "0123456789"},
	{"25", "012345678"}, {"26", "0123456789"}, {"29", "01789"}, {"35", "0123456789"},
	{"37", "0123456789"}, {"38", "01235679"}, {"42", "013"}, {"50", "0123456789"},
	{"59", "0123456789"}, {"67", "023456789"}, {"68", "012356789"}, {"69", "012"},
	{"80", "08"}, {"85", "02356"}, {"87", "08"}, {"88", "012368"}, {"96", "012345678"},
	{"97", "012345679"}, {"99", "234568"},
};

/*
 * Three-digit area codes of China; Beijing (10) and the two-digit areas 20 to 29 are
 * decided before this table.
 */
static const CodeRange cn_areas[] = {
	{"31", "0123456789"}, {"33", "5"}, {"34", "9"}, {"35", "0123456789"},
	{"37", "0123456789"}, {"39", "1234568"}, {"41", "0123456789"}, {"42", "179"},
	{"43", "123456789"}, {"45", "123456789"}, {"46", "4789"},
	{"47", "0123456789"}, {"48", "23"}, {"51", "0123456789"}, {"52", "37"},
	{"53", "0123456789"}, {"54", "36"}, {"55", "0123456789"}, {"56", "12346"},
	{"57", "0123456789"}, {"58", "0"}, {"59", "123456789"}, {"63", "12345"},
	{"66", "0238"}, {"69", "12"}, {"70", "1"}, {"71", "0123456789"},
	{"72", "248"}, {"73", "0123456789"}, {"74", "3456"}, {"75", "0123456789"},
	{"76", "0236789"}, {"77", "0123456789"}, {"79", "0123456789"}, {"80", "7"},
	{"81", "23678"}, {"82", "567"}, {"83", "0123456789"}, {"85", "123456789"},
	{"87", "0123456789"}, {"88", "3678"}, {"89", "12345678"}, {"90", "123689"},
	{"91", "12345679"}, {"93", "0123456789"}, {"94", "13"}, {"95", "12345"},
	{"97", "0123456789"}, {"99", "0123456789"},
};

static bool
contains(const char *set, char digit)
{
	for (; *set; set++)
		if (*set == digit)
			return true;
	return false;
}

static bool
in_ranges(const CodeRange *ranges, size_t range_count, const char *digits)
{
	size_t		i;

	for (i = 0; i < range_count; i++)
		if (ranges[i].head[0] == digits[0] && ranges[i].head[1] == digits[1])
			return contains(ranges[i].third, digits[2]);
	return false;
}

/* How many digits the calling code at the head of the digits has; 0 when there is none. */
static int
code_length(const char *digits, size_t count)
{
	if (count > 0 && (digits[0] == '1' || digits[0] == '7'))
		return 1;
	if (count < 3 || digits[0] == '0')
		return 0;
	if (contains(two_digit_codes[digits[0] - '0'], digits[1]))
		return 2;
	return in_ranges(three_digit_codes, LENGTH_OF(three_digit_codes), digits) ? 3 : 0;
}

bool
crm_phone_plan_find(unsigned code, CrmPhonePlan *plan)
{
	char		digits[4] = "000";
	int			width = code >= 100 ? 3 : code >= 10 ? 2 : 1;
	size_t		i;

	if (code == 0 || code > 999)
		return false;
	for (i = 0; i < LENGTH_OF(known_plans); i++)
	{
		if (known_plans[i].code == code)
		{
			*plan = known_plans[i];
			return true;
		}
	}
	for (i = (size_t) width; i > 0; i--, code /= 10)
		digits[i - 1] = (char) ('0' + code % 10);
	return crm_phone_plan_match(digits, 3, plan) && plan->code_digits == width;
}

bool
crm_phone_plan_match(const char *digits, size_t count, CrmPhonePlan *plan)
{
	int			width = code_length(digits, count);
	unsigned	code = 0;
	size_t		i;

	if (width == 0)
		return false;
	for (i = 0; i < (size_t) width; i++)
		code = code * 10 + (unsigned) (digits[i] - '0');
	for (i = 0; i < LENGTH_OF(known_plans); i++)
	{
		if (known_plans[i].code == code)
		{
			*plan = known_plans[i];
			return true;
		}
	}
	plan->code = (uint16_t) code;
	plan->code_digits = (uint8_t) width;
	plan->min_digits = ANY_MIN;
	plan->max_digits = (uint8_t) (E164_MAX - width);
	plan->drops_zero = false;
	return true;
}

/* Length of the Chinese area code (without its 0) in front: 2 or 3, or 0 for none. */
static int
area_length(const char *digits, size_t count)
{
	if (count < 3)
		return 0;
	if (digits[0] == '1')
		return digits[1] == '0' ? 2 : 0;
	if (digits[0] == '2')
		return digits[1] == '6' ? 0 : 2;
	return in_ranges(cn_areas, LENGTH_OF(cn_areas), digits) ? 3 : 0;
}

/* ---------------------------------------------------------------- kinds of numbers */

static bool
starts_with(const char *digits, const char *prefix)
{
	return strncmp(digits, prefix, strlen(prefix)) == 0;
}

static bool
is_virtual_operator(const char *national)
{
	return starts_with(national, "162") || starts_with(national, "165") ||
		starts_with(national, "167") || starts_with(national, "170") ||
		starts_with(national, "171");
}

/* The type of a Chinese national number without its trunk 0; INVALID when there is none. */
static CrmPhoneType
classify_china(const char *national, size_t count)
{
	int			area;

	if (count == 11 && national[0] == '1' && national[1] >= '3')
		return is_virtual_operator(national) ? CRM_PHONE_VIRTUAL_OPERATOR : CRM_PHONE_MOBILE;
	if (count == 10 && starts_with(national, "400"))
		return CRM_PHONE_SHARED_COST;
	if ((count == 10 || count == 11) && starts_with(national, "950"))
		return CRM_PHONE_SHARED_COST;
	if (count == 10 && starts_with(national, "800"))
		return CRM_PHONE_TOLL_FREE;
	area = area_length(national, count);
	if (area == 0 || national[area] < '2')
		return CRM_PHONE_INVALID;
	/* two-digit areas have eight digits; the others seven, or eight where a town has grown */
	if (count == (size_t) area + 8 || (area == 3 && count == 10))
		return CRM_PHONE_LANDLINE;
	return CRM_PHONE_INVALID;
}

static CrmPhoneType
classify_hong_kong(const char *national)
{
	if (starts_with(national, "800"))
		return CRM_PHONE_TOLL_FREE;
	if (national[0] == '2' || national[0] == '3')
		return CRM_PHONE_LANDLINE;
	return national[0] >= '4' ? CRM_PHONE_MOBILE : CRM_PHONE_INVALID;
}

static CrmPhoneType
classify_macao(const char *national)
{
	if (national[0] == '6')
		return CRM_PHONE_MOBILE;
	return national[0] == '2' || national[0] == '8' ? CRM_PHONE_LANDLINE : CRM_PHONE_INVALID;
}

static CrmPhoneType
classify_taiwan(const char *national, size_t count)
{
	if (starts_with(national, "800"))
		return CRM_PHONE_TOLL_FREE;
	if (national[0] == '9')
		return count == 9 ? CRM_PHONE_MOBILE : CRM_PHONE_INVALID;
	return national[0] >= '2' ? CRM_PHONE_LANDLINE : CRM_PHONE_INVALID;
}

/* See phone_plan.h. */
CrmPhoneType
crm_phone_plan_classify(const CrmPhonePlan *plan, const char *national, size_t count)
{
	if (plan->code == CRM_PHONE_CHINA)
		return classify_china(national, count);
	if (count < plan->min_digits || count > plan->max_digits)
		return CRM_PHONE_INVALID;
	switch (plan->code)
	{
		case 852:
			return classify_hong_kong(national);
		case 853:
			return classify_macao(national);
		case 886:
			return classify_taiwan(national, count);
		case 1:
			/* area and exchange codes start with 2 to 9 */
			if (national[0] < '2' || national[3] < '2')
				return CRM_PHONE_INVALID;
			return CRM_PHONE_FOREIGN;
		default:
			return CRM_PHONE_FOREIGN;
	}
}
