// All page tests, in their order: a file a subject.  CRM_ONLY="day doors" runs some, by the names of their functions;
// with a folder for pictures (CRM_SHOTS) nothing but the pictures is made.
import {run} from './harness.mjs';
import {looks, day, glance, mistakes, doors} from './pages.mjs';
import {imports, merges, rejects, resettled, sheets, workbooks} from './steward.mjs';
import {audiences, branches, coupons, estimates, flows, naughty, overlaps, presets, tags, tiers, wordings} from './marketer.mjs';
import {boards, dated, handover, numbers, ownStore} from './manager.mjs';
import {charts, goals, leaders, reports, use} from './reports.mjs';
import {dealsAhead} from './ahead.mjs';
import {amounts, foundAgain, suggestions, taps, withoutNetwork, scanned} from './clerk.mjs';
import {codes, loop, offline} from './counter.mjs';
import {apart, lastOne, manyCoupons, pastDay, repeatedRedeem} from './dangers.mjs';
import {complaints, deals, knowledge} from './desk.mjs';
import {capitals, causes, costs, forms, mentions, reach, site, variants} from './house.mjs';
import {naughtyNames} from './naughty.mjs';
import {kept, linked, opening, paper, typed, weights} from './habits.mjs';
import {owners, pinyin} from './owners.mjs';
import {troubles, twoTabs, unopened} from './troubles.mjs';
import {alerts, names, presetsToldFirst, whyByPhone} from './words.mjs';
import {chartVersions, firstSteps, flowVersions, ownFields} from './setup.mjs';
import {byKey, complete, counterCard, doorsLook, frozen, oneTimeLink, redrawn, regional, reviewKeys, taken, unmasked, warned} from './whole.mjs';
import {screenshots} from './screenshots.mjs';

const marketing = [audiences, estimates, overlaps, flows, branches, presets, wordings, tags, tiers, coupons, naughty];
const counter = [pinyin, owners, complaints, deals, knowledge, codes, loop, offline, naughtyNames, suggestions, foundAgain, taps, amounts, withoutNetwork, scanned, lastOne, repeatedRedeem, pastDay, apart, manyCoupons];
const house = [reach, costs, capitals, forms, mentions, variants, site, causes, names, whyByPhone, presetsToldFirst, alerts, ownFields, flowVersions, chartVersions, firstSteps];
const whole = [complete, doorsLook, oneTimeLink, counterCard, unmasked, redrawn, byKey, taken, frozen, reviewKeys, warned, regional];
const habits = [weights, opening, kept, typed, troubles, twoTabs, unopened, paper, linked];
await run(process.env.CRM_SHOTS ? [screenshots] : [looks, day, glance, mistakes, doors, imports, workbooks, sheets, merges, resettled, rejects, boards, numbers, ownStore, dated, handover, reports, dealsAhead, charts, leaders, use, goals, ...counter, ...marketing, ...house, ...whole, ...habits]);
