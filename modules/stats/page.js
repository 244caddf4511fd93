/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * page.js - keeps the page current without losing the reader's place.
 *
 * Every `stats refresh` seconds the page is fetched again and only the cells
 * that differ are replaced, so that scroll position, selection, checked
 * boxes and open details stay. Without script the page works too, and the
 * browser reloads it.
 */
"use strict";
(() => {
	const $ = (id) => document.getElementById(id);
	const rows = (root) => [...root.querySelectorAll("tr[data-r]")];
	const main = document.querySelector("main");
	const seconds = Number(document.body.dataset.refresh);
	const filter = $("filter"), live = $("live");
	const extras = /<(style|script)\b[^]*?<\/\1>/g; /* this page has them already */
	/* The row below, which a module's table has not. */
	const detailsOf = (tr) => tr.querySelector("button.more") ? tr.nextElementSibling : null;
	let states = new Set(), paused = false, busy = false;

	/* --- filter --- */
	const matches = (tr, words) => {
		const text = (tr.id + " " + tr.textContent + " " + (detailsOf(tr)?.textContent ?? "")).toLowerCase();
		return words.every((w) => text.includes(w));
	};
	const applyFilter = () => {
		const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
		const active = words.length > 0 || states.size > 0;
		let shown = 0;
		for (const section of main.querySelectorAll("section")) {
			let any = false;
			for (const tr of section.querySelectorAll("tbody > tr:not(.details)")) {
				const server = tr.classList.contains("server");
				const state = [...states].some((s) => tr.classList.contains(s));
				const details = detailsOf(tr);
				const ok = !active || ((states.size === 0 || (server && state)) && matches(tr, words));
				tr.hidden = !ok;
				if (details)
					details.hidden = !ok || !isOpen(tr);
				any = any || ok;
			}
			section.hidden = !any;
			shown += any;
		}
		$("empty").hidden = shown > 0 || !active;
	};
	const showChips = () => {
		for (const chip of document.querySelectorAll(".chip"))
			chip.setAttribute("aria-pressed", states.has(chip.dataset.state));
	};

	/* --- details --- */
	const isOpen = (tr) => tr.querySelector("button.more").getAttribute("aria-expanded") === "true";
	const toggle = (button) => {
		const tr = button.closest("tr"), open = !isOpen(tr);
		button.setAttribute("aria-expanded", open);
		tr.nextElementSibling.hidden = !open;
	};

	/* --- live refresh --- */
	const swap = (old, now) => {
		if (old && now && old.innerHTML !== now.innerHTML)
			old.innerHTML = now.innerHTML;
	};
	const mergeRow = (old, now) => {
		if (old.className.replace(" changed", "") !== now.className) {
			old.className = now.className;
			void old.offsetWidth; /* lets the animation begin anew */
			if (!now.classList.contains("details"))
				old.classList.add("changed");
		}
		/* The name cell holds the box and the button, which stay. */
		swap(old.querySelector(".brief"), now.querySelector(".brief"));
		for (let i = now.classList.contains("details") ? 0 : 1; i < now.cells.length; i++)
			swap(old.cells[i], now.cells[i]);
	};
	const mergeSection = (old, now) => {
		const a = rows(old), b = rows(now);
		if (a.length !== b.length || a.some((tr, i) => tr.dataset.r !== b[i].dataset.r || tr.id !== b[i].id))
			return old.replaceWith(now);
		a.forEach((tr, i) => mergeRow(tr, b[i]));
	};
	const merge = (doc) => {
		for (const id of ["summary", "process"])
			swap($(id), doc.getElementById(id));
		const now = [...doc.querySelectorAll("main > section")];
		const ids = new Set(now.map((s) => s.id));
		for (const old of main.querySelectorAll("section"))
			if (!ids.has(old.id))
				old.remove();
		for (const section of now) {
			const old = $(section.id);
			if (old)
				mergeSection(old, section);
			else
				(section.className ? main.querySelector("section") ?? $("empty") : $("empty")).before(section);
		}
		showChips();
		applyFilter();
	};
	const showLive = (lost) => {
		live.className = lost ? "lost" : paused ? "paused" : "";
		live.textContent = lost ? "No answer, retrying" : paused ? "Paused" : "Live, every " + seconds + " s";
		live.title = paused ? "resume" : "pause";
	};
	const refresh = async () => {
		if (busy || paused || document.hidden)
			return;
		busy = true;
		try {
			const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
			if (!answer.ok)
				throw new Error(answer.status);
			const text = await answer.text();
			if (!paused)
				merge(new DOMParser().parseFromString(text.replace(extras, ""), "text/html"));
			showLive(false);
		} catch {
			showLive(true);
		} finally {
			busy = false;
		}
	};

	/* --- events --- */
	document.addEventListener("click", (e) => {
		const more = e.target.closest("button.more"), chip = e.target.closest(".chip");
		if (more)
			toggle(more);
		else if (chip) {
			const s = chip.dataset.state;
			states = states.has(s) ? new Set() : new Set([s]);
			showChips();
			applyFilter();
		}
	});
	document.addEventListener("change", (e) => {
		if (!e.target.matches("input.all"))
			return;
		for (const box of e.target.form.querySelectorAll("tr:not([hidden]) input[name=s]"))
			box.checked = e.target.checked;
	});
	document.addEventListener("submit", (e) => {
		if (!e.target.querySelector("input[name=s]:checked") || !e.target.elements.action?.value)
			e.preventDefault();
	});
	filter.hidden = false;
	filter.addEventListener("input", applyFilter);
	document.addEventListener("keydown", (e) => {
		if (e.key === "/" && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) {
			e.preventDefault();
			filter.focus();
		}
	});
	if (seconds > 0) {
		live.hidden = false;
		showLive(false);
		live.addEventListener("click", () => {
			paused = !paused;
			showLive(false);
			refresh();
		});
		setInterval(refresh, seconds * 1000);
		document.addEventListener("visibilitychange", refresh);
	}
})();
