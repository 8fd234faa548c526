/* unit_spreadsheet.c - cells as spreadsheets export them. */
#include "pure/spreadsheet.h"
#include "tap.h"

#include <string.h>

static void
test_plain(void)
{
	static const char *const cases[][2] = {
		{"0138", "0138"}, {" 0138\t", "0138"}, {"=\"0138\"", "0138"}, {" =\" 0138 \" ", "0138"}, {"=\"\"", ""}, {"=\"", "=\""}, {"=1+1", "=1+1"},
		{"'0138", "0138"}, {"'", "'"}, {"'a1", "'a1"}, {"'0138'", "'0138'"}, {"", ""}, {"  ", ""}, {"=\"张三\"", "张三"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
	{
		const char *text = cases[i][0];
		size_t		length = strlen(text);
		char		found[64] = "";

		crm_spreadsheet_plain(&text, &length);
		memcpy(found, text, length);
		is_str(found, cases[i][1], cases[i][0]);
	}
}

static void
test_rounded(void)
{
	static const char *const rounded[] = {"1.39123E+10", "1E+10", "4.40301E+17"};
	static const char *const whole[] = {"", "1", "13912340053", "1.5", "1E10", "1E+", "1.E", "E+10", "12.5E+3", "1.2E+3x", "-1.2E+3", "A1.2E+3"};

	for (size_t i = 0; i < sizeof rounded / sizeof *rounded; i++)
		is_int(crm_spreadsheet_is_rounded(rounded[i], strlen(rounded[i])), true, rounded[i]);
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		is_int(crm_spreadsheet_is_rounded(whole[i], strlen(whole[i])), false, whole[i]);
}

int
main(void)
{
	test_plain();
	test_rounded();
	return done();
}
