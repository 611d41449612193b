/** The report as files: a page, and the figure in it. */
import { basename } from 'node:path';
import type { Report } from '../../accelerator/report.ts';
import type { RtlReport } from '../../accelerator/resources.ts';
import { saturationFigure } from '../../accelerator/saturationFigure.ts';
import { markdown, sectionsOf } from './reportSections.ts';

/** @returns texts by path; `base` is the page's path without its ending */
export function reportFiles(
  base: string,
  report: Report,
  rtl: RtlReport | undefined,
): Readonly<Record<string, string>> {
  const saturation = `${base}-saturation.svg`;
  return {
    [saturation]: saturationFigure(report),
    [`${base}.md`]: markdown(sectionsOf(report, rtl), { saturation: basename(saturation) }),
  };
}
