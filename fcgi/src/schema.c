/*
 * schema.c
 *		JSON schemas of what goes in and out, by name, for the OpenAPI document.
 *
 * They describe; the database decides.  Money is a string or a number in a
 * request (PostgreSQL reads both exactly) and is never a floating point number on
 * its way.
 */
#include "openapi.h"

#define TEXT		"{\"type\":\"string\"}"
#define TIME		"{\"type\":\"string\",\"format\":\"date-time\"}"
#define DAY			"{\"type\":\"string\",\"format\":\"date\"}"
/* of a body: a number, or a text, since JavaScript's numbers end at 2^53 */
#define ID			"{\"type\":[\"integer\",\"string\"],\"pattern\":\"^[0-9]{1,18}$\"}"
#define IDS			"{\"type\":\"array\",\"items\":" ID "}"
#define MONEY		"{\"type\":[\"number\",\"string\"]}"
#define CONSENT		"{\"enum\":[\"yes\",\"no\"]}"
#define OBJECT(required, properties) \
	"{\"type\":\"object\",\"required\":[" required "],\"properties\":{" properties "}}"
#define ANY_OBJECT(text)	"{\"type\":\"object\",\"description\":\"" text "\"}"

#define MEMBER_OF \
	"\"member_external_id\":" TEXT ",\"member_source\":" TEXT ",\"member_card\":" TEXT "," \
	"\"phone\":" TEXT ",\"openid\":" TEXT ",\"openid_app\":" TEXT ",\"unionid\":" TEXT

const CrmSchema crm_schemas[] = {
	{"Problem", OBJECT("\"type\",\"title\",\"status\",\"code\",\"request_id\"",
					   "\"type\":" TEXT ",\"title\":" TEXT ",\"status\":{\"type\":\"integer\"},"
					   "\"detail\":" TEXT ",\"code\":" TEXT ",\"hint\":" TEXT ",\"instance\":" TEXT ","
					   "\"request_id\":" TEXT ",\"errors\":{\"type\":\"array\",\"items\":"
					   OBJECT("", "\"pointer\":" TEXT ",\"parameter\":" TEXT ",\"detail\":" TEXT) "}")},
	{"Object", ANY_OBJECT("members as the summary says")},
	{"Text", TEXT},
	{"ImportBody", "{\"type\":\"string\",\"description\":\"one record a line; a CSV begins with its header\"}"},

	{"Member", OBJECT("\"external_id\"",
					  "\"external_id\":" TEXT ",\"kind\":" TEXT ",\"registered_at\":" TIME ","
					  "\"store_code\":" TEXT ",\"channel\":" TEXT ",\"name\":" TEXT ",\"nickname\":" TEXT ","
					  "\"phone\":" TEXT ",\"email\":" TEXT ",\"sex\":" TEXT ",\"birthday\":" TEXT ","
					  "\"birthday_calendar\":{\"enum\":[\"solar\",\"lunar\"]},\"member_card\":" TEXT ","
					  "\"openid\":" TEXT ",\"openid_app\":" TEXT ",\"unionid\":" TEXT ",\"wecom_id\":" TEXT ",\"dingtalk_id\":" TEXT ","
					  "\"platform_id\":" TEXT ",\"national_id\":" TEXT ",\"province\":" TEXT ",\"city\":" TEXT ","
					  "\"district\":" TEXT ",\"address\":" TEXT ",\"note\":" TEXT ","
					  "\"consent_sms\":" CONSENT ",\"consent_wechat\":" CONSENT ",\"consent_email\":" CONSENT ","
					  "\"updated_at\":" TIME ",\"custom\":{\"type\":\"object\"}")},
	{"OrderItem", OBJECT("\"product_code\"",
						 "\"line_key\":" TEXT ",\"product_code\":" TEXT ",\"product_name\":" TEXT ","
						 "\"category_code\":" TEXT ",\"quantity\":" MONEY ",\"unit_price\":" MONEY ","
						 "\"amount\":" MONEY)},
	{"Order", OBJECT("\"external_id\",\"ordered_at\"",
					 "\"external_id\":" TEXT ",\"ordered_at\":" TIME ",\"paid_at\":" TIME ","
					 "\"status\":" TEXT ",\"store_code\":" TEXT ",\"channel\":" TEXT "," MEMBER_OF ","
					 "\"amount\":" MONEY ",\"discount\":" MONEY ",\"coupon_code\":" TEXT ","
					 "\"currency\":" TEXT ",\"updated_at\":" TIME ",\"items\":{\"type\":\"array\",\"items\":"
					 "{\"$ref\":\"#/components/schemas/OrderItem\"}}")},
	{"Refund", OBJECT("\"external_id\",\"order_external_id\",\"amount\",\"refunded_at\"",
					  "\"external_id\":" TEXT ",\"order_external_id\":" TEXT ",\"line_key\":" TEXT ","
					  "\"amount\":" MONEY ",\"refunded_at\":" TIME ",\"store_code\":" TEXT ","
					  "\"reason\":" TEXT ",\"updated_at\":" TIME)},
	{"Event", OBJECT("\"type\",\"occurred_at\"",
					 "\"external_id\":" TEXT ",\"type\":" TEXT ",\"occurred_at\":" TIME "," MEMBER_OF ","
					 "\"device\":" TEXT ",\"object_id\":" TEXT ",\"store_code\":" TEXT ","
					 "\"properties\":{\"type\":\"object\"}")},
	{"Collected", OBJECT("\"events\"", "\"events\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":100,"
						 "\"items\":{\"$ref\":\"#/components/schemas/Event\"}}")},
	{"Interaction", OBJECT("\"occurred_at\",\"channel\"",
						   "\"external_id\":" TEXT ",\"occurred_at\":" TIME ",\"channel\":" TEXT ","
						   "\"direction\":" TEXT ",\"member_external_id\":" TEXT ",\"member_source\":" TEXT ","
						   "\"phone\":" TEXT ",\"staff_code\":" TEXT ",\"store_code\":" TEXT ",\"body\":" TEXT ","
						   "\"outcome\":" TEXT ",\"next_on\":" DAY)},
	{"Product", OBJECT("\"external_id\",\"name\"",
					   "\"external_id\":" TEXT ",\"name\":" TEXT ",\"category_code\":" TEXT ","
					   "\"category_name\":" TEXT ",\"list_price\":" MONEY ",\"refill_days\":{\"type\":\"integer\"}")},
	{"Consent", OBJECT("\"channel\",\"state\",\"occurred_at\"",
					   "\"member_external_id\":" TEXT ",\"member_source\":" TEXT ",\"phone\":" TEXT ","
					   "\"channel\":" TEXT ",\"state\":" CONSENT ",\"occurred_at\":" TIME ",\"evidence\":" TEXT)},
	{"Intake", OBJECT("\"outcome\"",
					  "\"outcome\":{\"type\":\"string\",\"description\":\"created, updated, unchanged, ...\"},"
					  "\"external_id\":{\"type\":[\"string\",\"null\"]},"
					  "\"inbox_id\":{\"type\":[\"integer\",\"null\"]},\"fact_id\":{\"type\":[\"integer\",\"null\"]},"
					  "\"customer_id\":{\"type\":[\"integer\",\"null\"],"
					  "\"description\":\"null while nobody is known behind it\"}")},
	{"Job", ANY_OBJECT("an import: its state, its lines so far, what they became")},
	{"ImportError", ANY_OBJECT("a line that was not taken: line, code, field, remedy")},

	{"Lookup", OBJECT("\"kind\",\"value\"",
					  "\"kind\":{\"type\":\"string\",\"description\":\"phone, member_card, openid, unionid, ...\"},"
					  "\"value\":" TEXT ",\"namespace\":" TEXT)},
	{"Search", OBJECT("\"text\"", "\"text\":{\"type\":\"string\",\"description\":"
					  "\"part of a name, or the last four digits of a phone\"},"
					  "\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100}")},
	{"Unmask", OBJECT("\"fields\",\"reason\"",
					  "\"fields\":{\"type\":\"array\",\"items\":" TEXT "},\"reason\":" TEXT)},
	{"StoreCode", OBJECT("", "\"store\":" TEXT ",\"days\":{\"type\":\"integer\",\"minimum\":1},\"channel\":" TEXT)},
	{"EntryForm", OBJECT("\"fields\"", "\"fields\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}")},
	{"JoinCode", OBJECT("\"code\"", "\"code\":" TEXT)},
	{"JoinCheck", OBJECT("\"code\",\"phone\"", "\"code\":" TEXT ",\"phone\":" TEXT)},
	{"Joining", OBJECT("\"code\",\"name\",\"phone\"", "\"code\":" TEXT ",\"check\":" TEXT ",\"name\":" TEXT ",\"phone\":" TEXT ",\"birthday\":" TEXT ","
					   "\"consents\":{\"type\":\"array\",\"items\":{\"enum\":[\"sms\",\"wechat\",\"email\"]}}")},
	{"Reason", OBJECT("\"reason\"", "\"reason\":" TEXT)},
	{"Shadow", OBJECT("\"is_on\",\"reason\"", "\"source\":" TEXT ",\"is_on\":{\"type\":\"boolean\"},\"reason\":" TEXT)},
	{"Note", OBJECT("\"body\"", "\"body\":" TEXT ",\"channel\":" TEXT ",\"outcome\":" TEXT ",\"next_on\":" DAY ","
					"\"mentions\":{\"type\":\"array\",\"items\":" TEXT "}")},
	{"Enrolment", OBJECT("\"name\",\"phone\"", "\"name\":" TEXT ",\"phone\":" TEXT ",\"birthday\":" TEXT ","
						 "\"consents\":{\"type\":\"array\",\"items\":{\"enum\":[\"sms\",\"wechat\",\"email\"]}},\"fields\":{\"type\":\"object\"}")},
	{"Split", OBJECT("\"record_ids\",\"reason\"", "\"record_ids\":" IDS ",\"reason\":" TEXT)},
	{"Undo", OBJECT("\"journal_ids\",\"reason\"", "\"journal_ids\":" IDS ",\"reason\":" TEXT)},
	{"Join", OBJECT("\"other\",\"reason\"", "\"other\":" ID ",\"reason\":" TEXT)},
	{"Decision", OBJECT("\"decision\",\"reason\"", "\"decision\":{\"enum\":[\"accept\",\"reject\"]},\"reason\":" TEXT)},
	{"Merge", OBJECT("\"survivor\",\"other\",\"reason\"",
					 "\"survivor\":" ID ",\"other\":" ID ",\"reason\":" TEXT)},
	{"Person", ANY_OBJECT("what the caller's role and scope may see of the person")},
	{"TimelineEntry", ANY_OBJECT("an order, refund, event, interaction or message, newest first")},
	{"Value", ANY_OBJECT("tier, recency, frequency, money, and the rule that decided")},

	{"Redeem", OBJECT("\"code\",\"order_external_id\"",
					  "\"code\":" TEXT ",\"source\":" TEXT ",\"order_external_id\":" TEXT ","
					  "\"store_code\":" TEXT ",\"amount\":" MONEY)},
	{"CancelRedemption", OBJECT("\"code\",\"order_external_id\"",
								"\"code\":" TEXT ",\"order_external_id\":" TEXT ",\"reason\":" TEXT)},
	{"ClaimCoupon", OBJECT("\"coupon_type\"", "\"coupon_type\":" TEXT)},
	{"PersonLevel", OBJECT("\"reason\"", "\"level\":" TEXT ",\"reason\":" TEXT)},
	{"ReferralCode", OBJECT("\"code\"", "\"code\":" TEXT)},
	{"Ticket", OBJECT("\"customer_id\"", "\"customer_id\":" ID)},
	{"Draw", OBJECT("", "\"entropy\":" TEXT)},
	{"Audience", OBJECT("\"channel\",\"reason\"", "\"channel\":{\"enum\":[\"sms\",\"email\"]},\"reason\":" TEXT ",\"after\":" ID ","
						"\"limit\":{\"type\":\"integer\"}")},
	{"HoldOut", OBJECT("\"percent\"", "\"percent\":{\"type\":\"number\",\"minimum\":0,\"maximum\":50}")},
	{"Visit", OBJECT("\"place\",\"session\"", "\"place\":" TEXT ",\"session\":" TEXT ",\"customer_id\":" ID ",\"kind\":" TEXT ",\"value\":" TEXT ",\"namespace\":" TEXT)},
	{"Cap", OBJECT("\"messages\"", "\"messages\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":99},\"days\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":366},"
				   "\"per\":{\"enum\":[\"day\",\"week\",\"month\"]},\"channel\":" TEXT ",\"tag\":" TEXT)},
	{"CouponCodes", OBJECT("\"codes\"", "\"codes\":{\"type\":\"array\",\"items\":" TEXT "}")},
	{"CouponClaims", OBJECT("", "\"is_claimable\":{\"enum\":[\"true\",\"false\"]},\"total_limit\":{\"type\":\"integer\"},"
							"\"person_limit\":{\"type\":\"integer\"}")},
	{"Reserve", OBJECT("\"code\",\"order_external_id\"", "\"code\":" TEXT ",\"source\":" TEXT ",\"order_external_id\":" TEXT ","
					   "\"amount\":" MONEY ",\"minutes\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1440}")},
	{"GiveCoupon", OBJECT("\"code\",\"to_customer_id\"", "\"code\":" TEXT ",\"to_customer_id\":" ID)},
	{"CouponValidity", OBJECT("\"code\",\"last_day\",\"reason\"", "\"code\":" TEXT ",\"last_day\":" DAY ",\"reason\":" TEXT)},
	{"CouponReason", OBJECT("\"code\",\"reason\"", "\"code\":" TEXT ",\"reason\":" TEXT)},
	{"SpendPoints", OBJECT("\"points\",\"reference\"",
						   "\"points\":{\"type\":\"integer\",\"minimum\":1},\"source\":" TEXT ","
						   "\"reference\":" TEXT ",\"store_code\":" TEXT ",\"reason\":" TEXT)},
	{"ReturnPoints", OBJECT("\"reference\"", "\"source\":" TEXT ",\"reference\":" TEXT ",\"reason\":" TEXT)},
	{"AdjustPoints", OBJECT("\"points\",\"reason\"",
							"\"points\":{\"type\":\"integer\"},\"reason\":" TEXT ",\"valid_days\":{\"type\":\"integer\"}")},
	{"Coupon", ANY_OBJECT("a coupon: code, type, value, state, valid_until")},

	{"Task", OBJECT("\"title\",\"due_on\"",
					"\"title\":" TEXT ",\"due_on\":" DAY ",\"body\":" TEXT ",\"staff\":" TEXT)},
	{"TaskEnd", OBJECT("\"outcome\"", "\"outcome\":" TEXT ",\"state\":{\"enum\":[\"done\",\"cancelled\"]}")},
	{"TaskChange", OBJECT("", "\"staff\":" TEXT ",\"due_on\":" DAY)},
	{"Owner", OBJECT("", "\"staff\":{\"type\":[\"string\",\"null\"]},\"reason\":" TEXT)},
	{"Reassign", OBJECT("\"to\",\"reason\"", "\"to\":" TEXT ",\"reason\":" TEXT)},

	{"Pipeline", OBJECT("", "\"name_zh\":" TEXT ",\"name_en\":" TEXT ",\"is_active\":{\"type\":\"boolean\"},\"stages\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}")},
	{"Deal", OBJECT("\"pipeline\",\"title\"", "\"pipeline\":" TEXT ",\"title\":" TEXT ",\"amount\":" MONEY ",\"is_important\":{\"enum\":[\"true\",\"false\"]},"
					"\"lead_source\":" TEXT ",\"store\":" TEXT)},
	{"DealChange", OBJECT("", "\"title\":" TEXT ",\"amount\":{\"type\":[\"number\",\"null\"]},\"is_important\":{\"type\":\"boolean\"},\"staff\":" TEXT)},
	{"DealMove", OBJECT("\"stage\"", "\"stage\":" TEXT ",\"reason\":" TEXT)},
	{"DealEvidence", OBJECT("\"evidence\",\"title\",\"url\"", "\"evidence\":" TEXT ",\"title\":" TEXT ",\"url\":" TEXT ",\"sha256\":" TEXT)},
	{"Skills", OBJECT("\"skills\"", "\"skills\":{\"type\":\"array\",\"items\":" TEXT "}")},
	{"TicketOpen", OBJECT("\"topic\",\"body\"", "\"topic\":" TEXT ",\"body\":" TEXT ",\"channel\":" TEXT ",\"store\":" TEXT)},
	{"TicketAnswer", OBJECT("\"body\"", "\"body\":" TEXT ",\"state\":{\"enum\":[\"open\",\"waiting\"]}")},
	{"TicketResolve", OBJECT("\"resolution\"", "\"resolution\":" TEXT)},
	{"TicketReopen", OBJECT("\"reason\"", "\"reason\":" TEXT)},
	{"TicketStars", OBJECT("\"stars\"", "\"stars\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":5},\"body\":" TEXT)},
	{"TicketTopic", OBJECT("", "\"kind\":{\"enum\":[\"complaint\",\"enquiry\",\"suggestion\"]},\"name_zh\":" TEXT ",\"name_en\":" TEXT ","
						   "\"answer_minutes\":{\"type\":\"integer\"},\"resolve_hours\":{\"type\":\"integer\"},\"is_active\":{\"type\":\"boolean\"}")},

	{"RuleBody", OBJECT("\"rule\"", "\"rule\":{\"type\":\"object\",\"description\":\"see /rules/schema\"}")},
	{"RuleQuestion", OBJECT("\"rule\"", "\"rule\":{\"type\":\"object\",\"description\":\"see /rules/schema\"},"
							"\"as_of\":" TEXT ",\"sample\":{\"type\":\"integer\"}")},
	{"RulePreview", OBJECT("\"rule\"", "\"rule\":{\"type\":\"object\",\"description\":\"see /rules/schema\"},"
						   "\"as_of\":" TEXT ",\"sample\":{\"type\":\"integer\"},\"look_at\":{\"type\":\"integer\","
						   "\"description\":\"100 to 100000 persons instead of everybody; then is_exact is false, numbers are estimates, and <name>_between says between which they lie\"},"
						   "\"after\":{\"type\":\"integer\",\"description\":\"0: everybody, as many as a moment allows; the member after of the answer is what to send for the next, "
						   "null after the last, and the numbers of all answers add up\"}")},
	{"Segment", OBJECT("\"name_zh\",\"rule\"", "\"name_zh\":" TEXT ",\"name_en\":" TEXT ",\"rule\":{\"type\":\"object\"},"
					   "\"kind\":{\"enum\":[\"living\",\"static\"]}")},
	{"SegmentExpression", OBJECT("\"expression\"", "\"expression\":{\"description\":"
								 "\"a code, or all, any, but with a list of these\"}")},
	{"SegmentCodes", OBJECT("\"codes\"", "\"codes\":{\"type\":\"array\",\"items\":" TEXT "}")},
	{"TierRules", OBJECT("\"rules\"", "\"name\":" TEXT ",\"rules\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}")},
	{"FlowName", OBJECT("\"name_zh\"", "\"name_zh\":" TEXT ",\"name_en\":" TEXT)},
	{"FlowText", OBJECT("\"channel\"", "\"step\":{\"type\":\"integer\"},\"channel\":" TEXT ",\"body\":" TEXT ",\"subject\":" TEXT ",\"customer_id\":" ID ","
						  "\"vendor\":{\"type\":\"object\",\"description\":\"template and params of an approved text\"}")},
	{"Tag", OBJECT("\"name_zh\",\"layer\"", "\"name_zh\":" TEXT ",\"name_en\":" TEXT ",\"layer\":{\"enum\":[\"base\",\"behaviour\",\"prediction\"]},"
				   "\"kind\":{\"enum\":[\"manual\",\"automatic\",\"predicted\"]},\"rule\":{\"type\":\"object\"}")},
	{"PersonTag", OBJECT("", "\"expires_at\":" TEXT ",\"reason\":" TEXT)},

	{"Flow", ANY_OBJECT("a flow: code, state, the values a manager may edit")},
	{"FlowChanges", ANY_OBJECT("the values to change, by their name")},
	{"FlowPreview", ANY_OBJECT("who would get it, who not and why, counts")},
	{"FlowResults", ANY_OBJECT("sent, redeemed and ordered against the holdout")},
	{"Message", ANY_OBJECT("a message: its state and what happened to it")},
	{"Receipt", OBJECT("\"message_id\",\"kind\"",
					   "\"message_id\":" TEXT ",\"kind\":{\"type\":\"string\",\"description\":"
					   "\"delivered, failed, read, click\"},\"detail\":" TEXT)},
	{"Endpoint", OBJECT("\"endpoint\",\"connector\",\"url\"",
						"\"endpoint\":" TEXT ",\"connector\":" TEXT ",\"url\":" TEXT ",\"parameters\":{\"type\":\"object\"},"
						"\"secrets\":{\"type\":\"object\"},\"options\":{\"type\":\"object\"}")},
	{"Template", OBJECT("\"channel\",\"body\"",
						"\"channel\":" TEXT ",\"body\":" TEXT ",\"options\":{\"type\":\"object\"}")},
	{"ChannelLimits", OBJECT("", "\"monthly_cap\":{\"type\":[\"integer\",\"null\"]},\"address_day_cap\":{\"type\":[\"integer\",\"null\"]},"
							 "\"receipt_hours\":{\"type\":[\"integer\",\"null\"]}")},
	{"Inbound", OBJECT("\"channel\",\"address\",\"text\"", "\"channel\":" TEXT ",\"address\":" TEXT ",\"text\":" TEXT)},
	{"ChannelEndpoint", OBJECT("\"endpoint\"", "\"endpoint\":" TEXT)},
	{"Word", OBJECT("\"state\"",
					"\"state\":" CONSENT ",\"channels\":{\"type\":\"array\",\"items\":" TEXT ",\"minItems\":1},\"evidence\":" TEXT)},
	{"OptOut", OBJECT("\"channel\",\"address\"",
					  "\"channel\":" TEXT ",\"address\":" TEXT ",\"evidence\":" TEXT)},
	{"Health", ANY_OBJECT("active persons, funnel, tier shares, flows against holdout")},

	{"Source", ANY_OBJECT("name, kind and options: time_zone, currency, channel, priority, is_active, signing_secret, ...")},
	{"MappingGuess", OBJECT("\"entity\",\"header\"", "\"entity\":" TEXT ",\"header\":" TEXT)},
	{"Mapping", ANY_OBJECT("fields: for each field of the entity a column, or column and transforms")},
	{"MappingTest", OBJECT("\"sample\"", "\"mapping\":{\"type\":\"object\"},\"sample\":" TEXT)},
	{"RejectRetry", OBJECT("\"source\"", "\"source\":" TEXT)},
	{"RejectDismiss", OBJECT("\"reject_ids\",\"reason\"", "\"reject_ids\":" IDS ",\"reason\":" TEXT)},

	{"Staff", OBJECT("\"name\",\"role\"", "\"name\":" TEXT ",\"role\":" TEXT ",\"login\":" TEXT ","
					 "\"scopes\":{\"type\":\"array\",\"items\":" TEXT "}")},
	{"Password", OBJECT("\"password\"", "\"password\":" TEXT)},
	{"Region", OBJECT("\"name\"", "\"name\":" TEXT)},
	{"Store", OBJECT("\"name\",\"region\"", "\"name\":" TEXT ",\"region\":" TEXT ",\"city\":" TEXT ","
					 "\"time_zone\":" TEXT ",\"opened_on\":" DAY ",\"closed_on\":" DAY)},
	{"Key", OBJECT("\"name\",\"role\"", "\"name\":" TEXT ",\"role\":" TEXT ",\"source\":" TEXT ",\"store\":" TEXT ","
				   "\"is_sandbox\":{\"type\":\"boolean\"}")},
	{"SettingValue", OBJECT("\"value\"", "\"value\":{}")},

	{"SignIn", OBJECT("\"login\",\"password\"", "\"login\":" TEXT ",\"password\":" TEXT)},
	{"SignInLink", OBJECT("\"token\"", "\"token\":" TEXT)},
	{"Session", OBJECT("\"role\"", "\"role\":" TEXT ",\"expires_at\":" TIME ",\"staff\":"
					   OBJECT("", "\"code\":" TEXT ",\"name\":" TEXT))},
	{"Me", ANY_OBJECT("the caller: code, role, stores")},
	{"Ready", OBJECT("\"ready\"", "\"ready\":{\"type\":\"boolean\"},\"extension\":" TEXT ","
					  "\"schema\":{\"type\":\"integer\"},\"needs\":{\"type\":\"integer\"}")},
	{"Live", OBJECT("\"live\"", "\"live\":{\"type\":\"boolean\"},\"version\":" TEXT)},
};

const size_t crm_schema_count = sizeof(crm_schemas) / sizeof(crm_schemas[0]);
