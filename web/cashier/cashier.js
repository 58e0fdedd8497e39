// SPDX-License-Identifier: Apache-2.0
// Makes the cashier page livelier; without it the page works by form and refresh.
"use strict";
(() => {
  const PERIOD_MS = 1500;
  const card = () => document.getElementById("card");
  let seen = card().dataset.version;
  let skew = Number(card().dataset.now) - Date.now();

  // Replaces the card by what the server shows now, without a reload.
  async function show(page) {
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html").getElementById("card");
    if (!fresh) return;
    card().replaceWith(document.adoptNode(fresh));
    seen = fresh.dataset.version;
    skew = Number(fresh.dataset.now) - Date.now();
    follow();
  }

  // A paid order goes on to where the merchant wants the buyer.
  function follow() {
    const next = document.getElementById("continue");
    if (card().dataset.state === "paid" && next) setTimeout(() => location.assign(next.href), 2000);
  }

  function tick() {
    const clock = document.getElementById("clock");
    if (!clock) return;
    const left = Math.max(0, Math.ceil((Number(clock.dataset.until) - Date.now() - skew) / 1000));
    const text = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
    if (clock.textContent !== text) clock.textContent = text;
  }

  async function look() {
    try {
      const state = await (await fetch(location.pathname + "/state")).json();
      if (String(state.version) !== seen) await show(await fetch(location.href));
    } catch {
      // The network is away; the next look tells.
    }
    if (!card().dataset.final) setTimeout(look, PERIOD_MS);
  }

  document.addEventListener("submit", async (event) => {
    if (event.target.id !== "renew") return;
    event.preventDefault();
    await show(await fetch(event.target.action, { method: "POST" }));
  });
  setInterval(tick, 500);
  tick();
  follow();
  if (!card().dataset.final) setTimeout(look, PERIOD_MS);
})();
