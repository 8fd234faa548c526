// A new member in the form of one's role (three fields until headquarters says otherwise) and the consents; whoever
// has the phone already is shown before anything is saved.
import {append, check, h, leading, post, show, t, toast, withWords} from '../base.js';
import {askForm, entered, inputs} from '../entry.js';
import {keptForm} from '../typed.js';
import {write} from '../waiting.js';
import {marks, others} from './find.js';

export async function draw([typed = ''], me) {
	const [fields] = await Promise.all([askForm(), withWords('fields')]);
	const isNumber = /^[\d\s+-]+$/.test(typed);
	let warned = null,
		before = []; // the phone that was warned of, and whose it is
	const known = h('div', {'aria-live': 'polite'});
	show(
		h('h1', {}, t('page.enrol')),
		h(
			'div',
			{class: 'card'},
			known,
			keptForm(
				`${me.actor}:enrol:${typed}`,
				[
					inputs(fields, {[isNumber ? 'phone' : 'name']: typed}),
					h(
						'fieldset',
						{},
						h('legend', {}, t('enrol.consents')),
						['sms', 'wechat', 'email'].map((channel) => check(`consent_${channel}`, t(`enrol.${channel}`))),
					),
				],
				t('save'),
				async (data) => {
					const member = entered(fields, data),
						{phone} = member,
						onward = leading();
					if (phone && warned !== phone) {
						before = await warn(phone, known);
						warned = phone;
						if (before.length > 0) return true;
					}
					const consents = ['sms', 'wechat', 'email'].filter((channel) => data.get(`consent_${channel}`));
					const answer = await write('enrol', {...member, consents}, t('page.enrol'));
					toast(
						t(
							!answer
								? 'waiting.kept'
								: before.length > 0 && !before.includes(answer.customer_id)
									? 'enrol.apart'
									: 'saved',
						),
					);
					onward(answer ? `#/person/${answer.customer_id}` : '#/find');
				},
			),
		),
		me.role !== 'crm_service' && h('p', {}, h('a', {class: 'button', href: '#/qr'}, t('page.qr'))),
	);
}

// Tells who has a phone, and answers with all who do.
async function warn(phone, known) {
	known.replaceChildren();
	try {
		const person = await post('lookup', {kind: 'phone', value: phone});
		append(known, [
			h(
				'p',
				{class: 'warn'},
				t('enrol.known', {name: person.name || t('unnamed')}),
				person.also && marks(person),
			),
			person.in_scope !== false &&
				h('p', {}, h('a', {class: 'button', href: `#/person/${person.customer_id}`}, t('enrol.known_open'))),
			person.also && others(person.also),
			h('p', {}, t('enrol.known_what')),
		]);
		known.scrollIntoView({block: 'nearest'});
		return [person, ...(person.also || [])].map((one) => one.customer_id);
	} catch (problem) {
		// without a network nobody can be warned; the same phone is one record all the same
		if (problem.status === 404 || problem.status === 0) return [];
		throw problem;
	}
}
