// A code that the customer shows (the card in the mini program, a printed one), read by the camera where the browser
// can.
import {append, h, t} from './base.js';

const pause = 150; // ms between two looks

// What a code stands for: a number, or an address that names one.
export function meant(text) {
	const [, named] = text.match(/[?&#/](?:card|member|phone)[=/]([\w-]+)/) || [];
	return (named || text).trim().slice(0, 100);
}

// Shows what the camera sees in `place`, until a code is read (its text), or it is closed or left (null).
export async function scan(place) {
	const stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment'}});
	const video = h('video', {muted: true, playsinline: true, 'aria-label': t('scan.video')});
	let isOpen = true;
	place.replaceChildren();
	append(place, [
		video,
		h(
			'button',
			{
				type: 'button',
				onclick: () => {
					isOpen = false;
				},
			},
			t('scan.close'),
		),
	]);
	try {
		video.srcObject = stream;
		await video.play();
		const detector = new BarcodeDetector({formats: ['qr_code', 'code_128', 'ean_13']});
		while (isOpen && place.isConnected) {
			const [code] = await detector.detect(video).catch(() => []);
			if (code && code.rawValue) return meant(code.rawValue);
			await new Promise((resume) => setTimeout(resume, pause));
		}
		return null;
	} finally {
		for (const track of stream.getTracks()) track.stop();
		place.replaceChildren();
	}
}
