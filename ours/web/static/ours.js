// Progressive enhancement only: every page works without this file.
"use strict";

// Times: shown in the reader's zone, with UTC on hover. This year goes without saying.
const parts = { month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const thisYear = new Intl.DateTimeFormat(undefined, parts);
const anyYear = new Intl.DateTimeFormat(undefined, { year: "numeric", ...parts });

function showLocalTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]:not([title])")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.title = element.dateTime.replace("T", " ").replace("Z", " UTC");
    const format = moment.getFullYear() === new Date().getFullYear() ? thisYear : anyYear;
    element.textContent = format.format(moment);
  }
}

// Copy buttons: hidden until a script can serve them.
function showCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button[data-copy][hidden]")) button.hidden = false;
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  const label = button.dataset.label ?? (button.dataset.label = button.textContent);
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Press Ctrl+C";
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
  }
  setTimeout(() => { button.textContent = label; }, 1600);
}

// Mapping rows: one more empty row.
function addRow(button) {
  const rows = document.getElementById(button.dataset.addRow);
  const row = rows.lastElementChild.cloneNode(true);
  for (const input of row.querySelectorAll("input")) input.value = "";
  for (const select of row.querySelectorAll("select")) select.selectedIndex = 0;
  rows.append(row);
  row.querySelector("input").focus();
}

function togglePause(button) {
  const paused = document.body.toggleAttribute("data-paused");
  button.textContent = paused ? "Resume" : "Pause";
  const live = document.getElementById("live");
  live.classList.toggle("paused", paused);
  live.textContent = paused ? "Paused" : "Live";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) copy(button);
  if (button.dataset.addRow) addRow(button);
  if (button.dataset.pause !== undefined) togglePause(button);
});

document.addEventListener("change", (event) => {
  if (event.target.dataset.submit !== undefined) event.target.form.requestSubmit();
});

// No refresh while nobody looks, while paused, or while text is being selected.
document.addEventListener("htmx:beforeRequest", (event) => {
  const selecting = !getSelection().isCollapsed;
  if (document.hidden || document.body.hasAttribute("data-paused") || selecting) event.preventDefault();
});

function enhance(root) {
  showLocalTimes(root);
  showCopyButtons(root);
  for (const element of root.querySelectorAll("[data-needs-script]")) element.hidden = false;
}

document.addEventListener("DOMContentLoaded", () => enhance(document));
document.addEventListener("htmx:afterSettle", (event) => enhance(event.detail.elt.parentElement ?? document));
