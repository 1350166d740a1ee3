import type { Asking } from './asking.js';
import { final } from './final-answer.js';
import { isAnsweredJson, printAnswer } from './json.js';
import type { Admitted, FinalAnswer, ServerResponse, StreamedAnswer, StreamedResponse } from './guard.js';
import type { PassedExport } from './judge-export.js';
import { UnjudgedFileError, judgedLines } from './judge-lines.js';
import { unjudged } from './judge-response.js';
import { isEncoded } from './media.js';
import { refusal } from './outcome.js';

/** How a file of an export is judged: line by line, as it comes or as a whole. */
export function judgeFile(
  asking: Asking,
  { job, id }: NonNullable<PassedExport['file']>,
  judgeOther: Admitted['judgeResponse'],
): Required<Pick<Admitted, 'judgeResponse' | 'judgeStream'>> {
  const known = job.files[id];
  const judgeStream = async (response: StreamedResponse): Promise<FinalAnswer | StreamedAnswer> => {
    const { status, headers, body } = response;
    if (status === 200 && !isEncoded(headers) && known) {
      return { status, headers: NDJSON_HEADERS, body: judgedLines(asking, known, job.types, body) };
    }
    return judgeOther({ status: status < 400 ? 500 : status, headers: {}, body: undefined });
  };
  const judgeResponse = async ({ status, headers, body }: ServerResponse): Promise<FinalAnswer> => {
    const text = isAnsweredJson(body) ? printAnswer(body) : body;
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    const chunks = (async function* () {
      if (bytes) yield bytes;
    })();
    const answer = await judgeStream({ status, headers, body: chunks });
    if (typeof answer.body !== 'object' || !(Symbol.asyncIterator in answer.body)) return answer as FinalAnswer;
    try {
      const lines: string[] = [];
      for await (const line of answer.body) lines.push(line);
      return { ...answer, body: lines.join('') };
    } catch (error) {
      return final(error instanceof UnjudgedFileError ? unjudged() : refusal(500, 'exception'));
    }
  };
  return { judgeResponse, judgeStream };
}

const NDJSON_HEADERS = { 'content-type': 'application/fhir+ndjson', 'cache-control': 'no-store' };
