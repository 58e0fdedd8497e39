// SPDX-License-Identifier: Apache-2.0
// Makes the cashier page livelier; without it the page works by form and refresh.
"use strict";
(() => {
  const PERIOD_MS = 1500;
  const PERIOD_SLOWEST_MS = 12000;
  const ON_TO_THE_SHOP_MS = 3000;
  const said = document.getElementById("said");
  const card = () => document.getElementById("card");
  let skew = Number(card().dataset.now) - Date.now();
  let failures = 0;
  let timer = 0;

  // What a screen reader says. Visible only while the network is away.
  function tell(text, isTrouble) {
    said.classList.toggle("aside", !isTrouble);
    if (said.textContent !== text) said.textContent = text;
  }

  // Replaces the card by what the server shows now, without a reload.
  function show(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.getElementById("card");
    if (!fresh) throw new Error("no card");
    const hadFocus = card().contains(document.activeElement);
    card().replaceWith(document.adoptNode(fresh));
    document.title = page.title;
    skew = Number(fresh.dataset.now) - Date.now();
    const title = document.getElementById("title");
    if (hadFocus) (document.querySelector("#renew button") ?? title).focus({ preventScroll: true });
    tell(title.textContent, false);
    tick();
    follow();
  }

  // A paid order goes on to where the merchant wants the buyer.
  function follow() {
    const next = document.getElementById("continue");
    if (next?.dataset.goes === "yes") setTimeout(() => location.assign(next.href), ON_TO_THE_SHOP_MS);
  }

  function tick() {
    const clock = document.getElementById("clock");
    if (!clock) return;
    const left = Math.max(0, Math.floor((Number(clock.dataset.until) - Date.now() - skew) / 1000));
    const two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(left / 3600);
    const minutes = Math.floor(left / 60) % 60;
    const text = (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(left % 60);
    if (clock.textContent !== text) clock.textContent = text;
    clock.classList.toggle("soon", left < 60);
  }

  async function get(address, options) {
    const answer = await fetch(address, { cache: "no-store", ...options });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  }

  async function look() {
    try {
      const state = await (await get(location.pathname + "/state")).json();
      if (state.version !== card().dataset.version) show(await (await get(location.href)).text());
      if (failures) tell("", false);
      failures = 0;
    } catch {
      failures++;
      if (failures > 1) tell(said.dataset.offline, true);
    }
    plan();
  }

  // Nobody looks at a hidden page; it asks when it is shown again.
  function plan() {
    clearTimeout(timer);
    if (card().dataset.final || document.hidden) return;
    timer = setTimeout(look, Math.min(PERIOD_MS * 2 ** failures, PERIOD_SLOWEST_MS));
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.id !== "renew") return;
    event.preventDefault();
    const button = form.querySelector("button");
    if (button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    try {
      show(await (await get(form.action, { method: "POST" })).text());
    } catch {
      button.removeAttribute("aria-busy");
      tell(said.dataset.offline, true);
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !card().dataset.final) look();
  });
  setInterval(tick, 500);
  tick();
  follow();
  plan();
})();
