// A small line without axes, for a table's cell.

import { BRIEF, type Series } from "./series";
import { column, spark, told } from "./stats";

const WIDTH = 88;
const HEIGHT = 22;

export function Sparkline({ series, field, label, format }: { series: Series | undefined; field: number; label: string; format: (value: number) => string }) {
  const last = series?.last();
  if (!series || !last) return <span className="ops-spark-none" aria-hidden="true" />;
  const samples = series.read(last.at - BRIEF.keptMs);
  const { line, area } = spark(samples, field, WIDTH, HEIGHT);
  const words = told(`${label} in the last minutes`, column(samples, field), format);
  return (
    <svg className="ops-spark" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words}>
      <title>{words}</title>
      {line && (
        <>
          <path className="ops-spark-area" d={area} />
          <path className="ops-spark-line" d={line} />
        </>
      )}
    </svg>
  );
}
