/** `/tasks`: MI's resource, with what became of the last run and when the next one is. */
import type { Task } from '../kernel/contracts.ts'
import { maskText, maskValue } from '../kernel/secrets.ts'
import type { ApiAnswer, ApiRequest, Managed, Resource } from './api.ts'
import { described, iso, listed, ok, refusal } from './api.ts'
import { change, observedState, type Switching } from './switching.ts'

export function taskResources(managed: Managed): Resource[] {
  return [
    {
      path: '/tasks',
      methods: { GET: request => tasks(managed, request), POST: request => change(SWITCHING, managed, request) },
    },
  ]
}

const find = (managed: Managed, name: string): Task | undefined => managed.registry().find('task', name)

function unknown(): ApiAnswer {
  return refusal(404, 'Task does not exist')
}

const SWITCHING: Switching<Task> = {
  type: 'task',
  find,
  unknown,
  extras: {
    trigger: {
      said: 'triggered',
      action: 'triggered',
      // Whoever triggers a run does not wait for its end; what became of it is in the state.
      run: (task, by) => void task.run(by),
    },
  },
}

function tasks(managed: Managed, request: ApiRequest): ApiAnswer {
  const { taskName } = request.query
  if (taskName === undefined) {
    return listed(request, managed.registry().names('task'), name => {
      const task = find(managed, name)
      return task && { name, status: statusOf(task), ...observed(task) }
    })
  }
  const task = find(managed, taskName)
  if (!task) return unknown()
  const { timetable } = task
  const properties = Object.entries(task.properties).map(([key, value]) => [key, maskValue(key, value)])
  return ok({
    name: taskName,
    taskGroup: task.group,
    implementation: task.className,
    ...(timetable.kind === 'cron'
      ? { triggerType: 'cron', cronExpression: timetable.expression }
      : {
          triggerType: 'simple',
          triggerCount: String(timetable.count ?? -1),
          triggerInterval: String(timetable.interval / 1000),
        }),
    properties: Object.fromEntries(properties) as Record<string, string>,
    status: statusOf(task),
    ...observed(task),
    configuration: described(managed, 'task', taskName).configuration,
  })
}

function statusOf({ state }: Task): 'active' | 'inactive' {
  return state.wanted
}

function observed({ state }: Task): Record<string, unknown> {
  return {
    ...observedState(state),
    runs: state.runs,
    failures: state.failures,
    ...(state.nextRun !== undefined && { nextRunAt: iso(state.nextRun) }),
    ...(state.lastRun && { lastRunAt: iso(state.lastRun.at) }),
    ...(state.lastRun?.error !== undefined && { lastError: maskText(state.lastRun.error) }),
  }
}
