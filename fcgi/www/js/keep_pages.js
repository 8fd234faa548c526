// Asks the browser to keep the files of the pages (keep.js, a worker of their own folder), once the first page
// stands; when new ones came, the next page that is opened is drawn by them: what is typed outlives the reload.
const hour = 3600000;
let isOld = false;

// Not while the network is away, nor while something waits for it: a reload would find nothing, or ask whether to go.
export function renew(isWaiting) {
	const may = isOld && navigator.onLine && !isWaiting;
	if (may) location.reload();
	return may;
}

export async function keepPages() {
	const {serviceWorker} = navigator;
	if (!serviceWorker) return;
	try {
		serviceWorker.addEventListener('message', (event) => {
			isOld = isOld || event.data === 'renewed';
		});
		await serviceWorker.register('/keep.js');
		const compare = async () => (await serviceWorker.ready).active.postMessage('compare');
		await compare();
		setInterval(compare, hour); // a tab may stay open for days
	} catch {
		/* a browser that keeps nothing, or a certificate it does not trust: files come from the network */
	}
}
