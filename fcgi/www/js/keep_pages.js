// Asks the browser to keep the files of the pages (keep.js, a worker of their own folder), once the first page stands; when new ones
// came, the next page that is opened is drawn by them: what is typed outlives the reload.
let isOld = false;
export function renew() {
	if (isOld) location.reload();
	return isOld;
}

export async function keepPages() {
	const {serviceWorker} = navigator;
	if (!serviceWorker) return;
	try {
		serviceWorker.addEventListener('message', (event) => { isOld = isOld || event.data === 'renewed'; });
		await serviceWorker.register('/keep.js');
		const {active} = await serviceWorker.ready;
		active.postMessage(['/', ...performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)]);
	} catch { /* a browser that keeps nothing, or a certificate it does not trust: files come from the network */ }
}
