/** A form that did not come from one of our pages, for this person and this purpose. */
export class ForgedForm extends Error {
  override name = 'ForgedForm';
}
