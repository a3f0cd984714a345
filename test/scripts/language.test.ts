import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../support/process/cli.ts'

const { faultsOf, faultsOfSummary }: Record<'faultsOf' | 'faultsOfSummary', (text: string) => string[]> = await import(
  join(ROOT, 'scripts/language.js')
)

describe('faultsOf', () => {
  test.each([
    [
      'What is mistyped is answered with what is nearest.',
      '"What is mistyped": write who does it',
      'Typos get a suggestion.',
    ],
    [
      'Go on behind this one, in the same order.',
      '"Go on behind": write start after, or continue after',
      'Start after this image (for paging).',
    ],
    [
      'Say what the operating system of an image can do, or no longer.',
      '", or no longer": write set or clear',
      'Set or clear the guest features of an image.',
    ],
    ['The file can not be read', '"can not": write cannot', 'The file cannot be read'],
    ['One id a line each', '"a line each": write one per line', 'Print IDs only, one per line.'],
    [
      'Only what the account owns, in whatever state.',
      '"in whatever state": write in any state',
      'Only images owned by the account, in any state.',
    ],
    ['It is deleted all the same', '"all the same": write anyway', 'They are all the same size'],
    [
      'Hint: vdc-manage image list --all shows those there are',
      '"those there are": write all …, or how to list them',
      'Hint: List all images with: vdc-manage image list --all',
    ],
    [
      "'yesterday' is no time",
      '"is no time": write is not a …, or is not a valid …',
      "'yesterday' is not a valid time; there is no file",
    ],
    [
      'ids that are made are others each time',
      '"are others each time": write differ on every run',
      'Generated IDs differ on every run.',
    ],
    [
      'They are not changed any more',
      '"not changed any more": write no longer',
      'They can no longer be changed, if there are any more',
    ],
    ['It is found by such', '"by such": write by these', 'It is found by such a name'],
    ['Images such as have no owner', '"such as have": write those with', 'Images such as those without an owner'],
    ['How to mend a form of the answer', '"mend": write fix', 'How to amend an output format, as recommended'],
    ['Leave it out; goes with csv.', '"; goes with": write requires', 'Omit the header row of csv output.'],
    ['Prints colors', '"colors": use British spelling', 'Prints colours, unless NO_COLOR is set'],
    ['A catalog is honored', '"catalog": use British spelling', 'A catalogue is honoured'],
  ])('%s', (old, fault, replacement) => {
    expect(faultsOf(old)).toContain(fault)
    expect(faultsOf(replacement)).toEqual([])
  })

  test('finds several faults in one text', () => {
    expect(faultsOf('What asks can not mend its behavior')).toEqual([
      '"can not": write cannot',
      '"What asks": write who does it',
      '"mend": write fix',
      '"behavior": use British spelling',
    ])
  })
})

describe('faultsOfSummary', () => {
  test.each([
    ['What is mistyped is answered with what is nearest.', ['"What" is not an imperative'], 'Suggest similar names.'],
    ['Lists images', ['no full stop at the end', '"Lists" is not an imperative'], 'List images.'],
    ['Printing a script.', ['"Printing" is not an imperative'], 'Bring the database schema up to date.'],
    ['Deleted images.', ['"Deleted" is not an imperative'], 'Compress images.'],
    ['image list.', ['"image" is not an imperative'], 'Show images: sizes, labels.'],
    [`Show ${'x'.repeat(67)}.`, ['longer than 72 characters'], `Show ${'x'.repeat(66)}.`],
    ['Show images.\nAll.', ['more than one line'], 'Show images. All.'],
  ])('%s', (old, faults, replacement) => {
    expect(faultsOfSummary(old)).toEqual(faults)
    expect(faultsOfSummary(replacement)).toEqual([])
  })
})
