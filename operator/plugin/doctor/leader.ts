// Does an operator lead? Proved by its Lease being renewed while we watch: what is written in it is by another clock, and a Lease
// that nobody renews looks fine until it has run out.
import { fromTimestamp } from '../../ambient/clock.ts'
import { ago, spanOf } from '../words.ts'
import { type Check, note, ok, problem, unchecked } from './check.ts'

const DEFAULT_DURATION_SECONDS = 15

export const leaderCheck: Check = {
  name: 'leader',
  title: 'Leader',
  judge({ lease, operatorPods, operatorNamespace, now }) {
    const pods = operatorPods.known ? operatorPods.value : []
    const ready = pods.filter(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    )
    const about = operatorPods.known
      ? `${ready.length} of ${pods.length} operator pods in namespace ${operatorNamespace} are ready`
      : `the operator pods cannot be read: ${operatorPods.because}`
    const look = `${about}; kubectl logs -n ${operatorNamespace} -l app.kubernetes.io/component=operator`
    if (!lease.known) return [unchecked(`the Lease of the leader cannot be read: ${lease.because}`)]
    if (lease.value === undefined) {
      return [
        problem(
          `namespace ${operatorNamespace} has no Lease of an operator: none has ever led here`,
          `is it elsewhere (--operator-namespace)? ${look}`,
        ),
      ]
    }
    const { lease: first, renewed, watchedMs } = lease.value
    const { holderIdentity, leaseDurationSeconds = DEFAULT_DURATION_SECONDS, renewTime } = first.spec ?? {}
    const holder = renewed?.lease.spec?.holderIdentity || holderIdentity
    if (renewed !== undefined && holder) {
      const standby =
        pods.length > 1
          ? []
          : [note('there is no second operator that would take over at once', 'operator.replicas: 2')]
      return [ok(`${holder} leads, and renewed its Lease while we watched`), ...(operatorPods.known ? standby : [])]
    }
    if (!holder) return [problem('nobody leads: the last leader gave its Lease back and none has taken it', look)]
    if (watchedMs < leaseDurationSeconds * 1_000)
      return [unchecked(`${holder} holds the Lease; it was not watched for long enough to see it renewed`)]
    return [
      problem(
        `nobody leads: ${holder} has not renewed its Lease for the ${spanOf(watchedMs)} that we watched${fromTimestamp(renewTime) === undefined ? '' : `; the last time is written as ${ago(renewTime, now)}`}. Calls go on, nothing is drained, made or scaled`,
        look,
      ),
    ]
  },
}
