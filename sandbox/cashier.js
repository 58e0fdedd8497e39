// SPDX-License-Identifier: Apache-2.0
// The cashier without a reload by hand: asks how the order stands (a phone may pay it) and counts the time down.
// Everything works without this file; then the page loads itself anew now and then.
(() => {
  const box = document.querySelector('[data-state]');
  if (!box) return;
  const ask = async () => {
    try {
      const answer = await fetch(`${location.pathname}/state`, { cache: 'no-store' });
      const { state } = await answer.json();
      if (state !== box.dataset.state) {
        const place = new URL(location.href);
        place.searchParams.delete('said');
        location.replace(place);
        return;
      }
    } catch { /* the network is away for a moment */ }
    setTimeout(ask, 1500);
  };
  const clock = document.querySelector('[data-left]');
  const end = clock && Date.now() + 1000 * Number(clock.dataset.left);
  const count = () => {
    const left = Math.max(0, Math.round((end - Date.now()) / 1000));
    const two = (n) => String(n).padStart(2, '0');
    clock.textContent = `${two(Math.floor(left / 3600))}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
    if (left > 0) setTimeout(count, 1000);
  };
  if (clock && Number(clock.dataset.left) < 86400) count();
  setTimeout(ask, 1500);
})();
