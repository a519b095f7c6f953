// The drawing of a chart, on a canvas by uPlot. Loaded when the first chart is shown; what it says is
// also said in words by the frame around it (chart.tsx).

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import type { Line } from "./chart";
import type { Measure } from "./measures";

const HEIGHT = 168;

/** The dashes of a line, in pixels; the swatch beside its name shows the same. */
export const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3]];

export interface PlotProps {
  /** Seconds since the epoch. */
  times: readonly number[];
  lines: readonly Line[];
  /** Seconds since the epoch. */
  from: number;
  to: number;
  measure: Measure;
  /** The same moment is pointed at in all charts of a group. */
  group: string;
  /** Which sample is pointed at. */
  onPoint: (index: number | null) => void;
}

function colours(element: Element, lines: number) {
  const style = getComputedStyle(element);
  const token = (name: string) => style.getPropertyValue(name).trim();
  return {
    lines: Array.from({ length: lines }, (_, index) => token(`--chart-${index + 1}`)),
    text: token("--text-3"),
    grid: token("--line"),
    font: `11px ${style.fontFamily}`,
  };
}

function options(element: HTMLElement, props: () => PlotProps): uPlot.Options {
  const { lines, group, measure } = props();
  const look = colours(element, lines.length);
  const axis = { stroke: look.text, font: look.font, ticks: { show: false } };
  return {
    width: Math.max(120, element.clientWidth),
    height: HEIGHT,
    // The last label of the time axis is centred on its tick, and half of it beyond.
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: {
      drag: { x: false, y: false },
      y: false,
      sync: { key: group, setSeries: false },
      points: { size: 6 },
    },
    scales: {
      x: { time: true, range: () => [props().from, props().to] },
      // Beginning at nought, so that small changes do not look like large ones.
      y: { range: (_, __, max) => [0, Math.max(measure.least, max * 1.08)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 70, values: (_, ticks) => ticks.map(clock) },
      {
        ...axis,
        grid: { stroke: look.grid, width: 1 },
        size: 62,
        space: 34,
        values: (_, ticks) => ticks.map(measure.format),
        ...(measure.steps && { incrs: [...measure.steps] }),
      },
    ],
    series: [
      {},
      ...lines.map((line, index) => ({
        label: line.label,
        stroke: look.lines[index] ?? look.text,
        width: 1.75,
        dash: [...(DASHES[index] ?? [])],
        spanGaps: false,
        points: { show: false },
      })),
    ],
    hooks: {
      setCursor: [(plot: uPlot) => props().onPoint(plot.cursor.idx ?? null)],
    },
  };
}

function clock(seconds: number): string {
  const at = new Date(seconds * 1_000);
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return at.getSeconds() === 0 ? minutes : `${minutes}:${two(at.getSeconds())}`;
}

function data({ times, lines }: PlotProps): uPlot.AlignedData {
  return [[...times], ...lines.map((line) => [...line.values])] as uPlot.AlignedData;
}

export default function Plot(props: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const current = useRef(props);
  const shape = props.lines.map((line) => line.label).join("\n");
  useEffect(() => {
    current.current = props;
    plot.current?.setData(data(props));
  });
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(element, () => current.current), data(current.current), element);
    };
    draw();
    // The canvas knows neither the theme nor the width by itself.
    const resized = new ResizeObserver(() => {
      const width = element.clientWidth;
      if (plot.current && width > 0 && width !== plot.current.width) plot.current.setSize({ width, height: HEIGHT });
    });
    resized.observe(element);
    const themed = new MutationObserver(draw);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      themed.disconnect();
      dark.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, props.group, props.measure]);
  return <div ref={place} className="ops-plot" />;
}
