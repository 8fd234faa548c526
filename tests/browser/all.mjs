// All page tests, in their order: a file a subject.  CRM_ONLY="day doors" runs some, by the names of their functions;
// with a folder for pictures (CRM_SHOTS) nothing but the pictures is made.
import {run} from './harness.mjs';
import {looks, day, glance, mistakes, doors} from './pages.mjs';
import {encodings, imports, merges, rejects, resettled, sheets, workbooks} from './steward.mjs';
import {
	atOnce,
	audiences,
	branches,
	coupons,
	estimates,
	flows,
	naughty,
	overlaps,
	presets,
	tags,
	tiers,
	wordings,
} from './marketer.mjs';
import {boards, chartCounts, counts, dated, drawn, handover, nobody, numbers, ownStore, sides} from './manager.mjs';
import {charts, goals, leaders, reports, use, wholeFile} from './reports.mjs';
import {dealsAhead} from './ahead.mjs';
import {amounts, foundAgain, suggestions, taps, withoutNetwork, scanned} from './clerk.mjs';
import {codes, loop, offline} from './counter.mjs';
import {apart, lastOne, manyCoupons, pastDay, repeatedRedeem, sameName, sharedPhone, today} from './dangers.mjs';
import {complaints, deals, knowledge} from './desk.mjs';
import {capitals, causes, costs, forms, mentions, reach, site, variants} from './house.mjs';
import {naughtyNames} from './naughty.mjs';
import {kept, linked, opening, paper, typed, weights} from './habits.mjs';
import {arrows, folded, heard, lists, notCome} from './keys.mjs';
import {
	comesBack,
	courtesies,
	fullWidth,
	inWan,
	lateAnswers,
	partAgain,
	staysPut,
	toldLonger,
	unreadNumbers,
	zoomed,
} from './ways.mjs';
import {owners, pinyin} from './owners.mjs';
import {troubles, twoTabs, unopened} from './troubles.mjs';
import {beginners} from './beginners.mjs';
import {begun, fileOfOne, leftBehind, linkOfAnother, longFile, notYours, offered, twoTaps} from './doorways.mjs';
import {portraits, tagged} from './portraits.mjs';
import {alerts, names, presetsToldFirst, whyByPhone} from './words.mjs';
import {chartVersions, firstSteps, flowVersions, ownFields} from './setup.mjs';
import {
	byKey,
	complete,
	counterCard,
	doorsLook,
	frozen,
	oneTimeLink,
	redrawn,
	regional,
	reviewKeys,
	taken,
	unmasked,
	warned,
} from './whole.mjs';
import {consents, pointsSpent, stoppedElsewhere} from './said.mjs';
import {askedOnce, decidedOnce, goneOn, sentTwice, turnedWords, undoneHere, writtenOn} from './overtaken.mjs';
import {inSight} from './sight.mjs';
import {screenshots, still} from './screenshots.mjs';

const marketing = [
	audiences,
	estimates,
	overlaps,
	flows,
	branches,
	presets,
	wordings,
	tags,
	tiers,
	atOnce,
	coupons,
	naughty,
];
const counter = [
	pinyin,
	owners,
	complaints,
	deals,
	knowledge,
	codes,
	loop,
	offline,
	naughtyNames,
	suggestions,
	foundAgain,
	taps,
	amounts,
	withoutNetwork,
	scanned,
	lastOne,
	repeatedRedeem,
	pastDay,
	apart,
	sharedPhone,
	sameName,
	manyCoupons,
	today,
	pointsSpent,
	consents,
	stoppedElsewhere,
	inSight,
];
const house = [
	reach,
	costs,
	capitals,
	forms,
	mentions,
	variants,
	site,
	causes,
	names,
	whyByPhone,
	presetsToldFirst,
	alerts,
	ownFields,
	flowVersions,
	chartVersions,
	firstSteps,
	beginners,
];
const whole = [
	complete,
	doorsLook,
	oneTimeLink,
	counterCard,
	unmasked,
	redrawn,
	byKey,
	taken,
	frozen,
	reviewKeys,
	warned,
	regional,
	leftBehind,
	fileOfOne,
	notYours,
	linkOfAnother,
	begun,
	longFile,
	offered,
	twoTaps,
	portraits,
	tagged,
];
const habits = [
	weights,
	arrows,
	lists,
	heard,
	folded,
	notCome,
	comesBack,
	staysPut,
	fullWidth,
	unreadNumbers,
	toldLonger,
	courtesies,
	inWan,
	lateAnswers,
	partAgain,
	goneOn,
	writtenOn,
	sentTwice,
	decidedOnce,
	undoneHere,
	turnedWords,
	askedOnce,
	zoomed,
	still,
	opening,
	kept,
	typed,
	troubles,
	twoTabs,
	unopened,
	paper,
	linked,
];
await run(
	process.env.CRM_SHOTS
		? [screenshots]
		: [
				looks,
				day,
				glance,
				mistakes,
				doors,
				imports,
				workbooks,
				sheets,
				encodings,
				merges,
				resettled,
				rejects,
				boards,
				numbers,
				drawn,
				ownStore,
				dated,
				handover,
				reports,
				dealsAhead,
				charts,
				leaders,
				counts,
				chartCounts,
				sides,
				wholeFile,
				nobody,
				use,
				goals,
				...counter,
				...marketing,
				...house,
				...whole,
				...habits,
			],
);
